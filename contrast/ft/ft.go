// Package ft describes the feature transformation of a run (Zhu et al., ICCV 2021,
// section 4). [Transform] is the only type of this setting, from the command line to
// the training step: config resolves options into a Transform, and contrast draws λ and
// π from it and applies them. The package has no tensors.
package ft

import (
	"fmt"
	"strings"
)

// Transform is the feature transformation of both sides. The zero value
// transforms nothing.
type Transform struct {
	Positive Side // q and k, mixed with each other
	Negative Side // the negatives, mixed with a permutation of themselves
}

// Side says how λ is drawn for one side, and whether the mixed rows are normalized.
type Side struct {
	On          bool
	Uniform     bool    // λ ~ U(0, 1) instead of Beta(Alpha, Alpha)
	Alpha       float64 // a of Beta(a, a)
	Elementwise bool    // one λ per element ("dimension-level mixing") instead of one per step
	Extrapolate bool    // λ + 1; positives only
	Normalize   bool    // L2-normalize the rows afterwards (--postmix_norm)
}

// Paper is the transformation of the paper's headline results: extrapolated
// positives with λ = 1 + Beta(2, 2) and interpolated negatives with
// λ = Beta(1.6, 1.6), one λ per step each.
func Paper() Transform {
	return Transform{
		Positive: Side{On: true, Alpha: 2, Extrapolate: true},
		Negative: Side{On: true, Alpha: 1.6},
	}
}

// On reports whether anything is transformed.
func (t Transform) On() bool { return t.Positive.On || t.Negative.On }

// String describes the transformation, as "positives extrapolated with
// λ = 1 + Beta(2, 2), one λ per step".
func (t Transform) String() string {
	var sides []string
	switch {
	case t.Positive.On && t.Positive.Extrapolate:
		sides = append(sides, "positives extrapolated with λ = 1 + "+t.Positive.distribution())
	case t.Positive.On:
		sides = append(sides, "positives interpolated with λ = "+t.Positive.distribution())
	}
	if t.Negative.On {
		sides = append(sides, "negatives interpolated with λ = "+t.Negative.distribution())
	}
	if len(sides) == 0 {
		return "not transformed"
	}
	return strings.Join(sides, "; ")
}

func (s Side) distribution() string {
	from, each := fmt.Sprintf("Beta(%v, %v)", s.Alpha, s.Alpha), "one λ per step"
	if s.Uniform {
		from = "U(0, 1)"
	}
	if s.Elementwise {
		each = "one λ per element"
	}
	return from + ", " + each
}
