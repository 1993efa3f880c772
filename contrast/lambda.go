package contrast

import (
	"math/rand/v2"

	"gonum.org/v1/gonum/stat/distuv"

	"contralens/torch"
)

// Side says how λ is drawn for one side, the positives or the negatives.
type Side struct {
	On          bool
	Uniform     bool    // λ ~ U(0,1) instead of Beta(Alpha, Alpha)
	Alpha       float64 // a of Beta(a, a)
	Elementwise bool    // one λ an element ("dimension-level mixing") instead of one a step
	Extrapolate bool    // λ + 1; positives only
	Normalize   bool    // L2-normalize the transformed rows
}

// Transform is the feature transformation as a run uses it. The zero value
// transforms nothing.
type Transform struct {
	Positive Side
	Negative Side
}

// On says whether anything is transformed.
func (t Transform) On() bool { return t.Positive.On || t.Negative.On }

// PaperTransform is the transformation of the paper's headline results:
// extrapolated positives with λ = 1 + Beta(2, 2) and interpolated negatives with
// λ = Beta(1.6, 1.6), one λ a step each.
func PaperTransform() Transform {
	return Transform{
		Positive: Side{On: true, Alpha: 2, Extrapolate: true},
		Negative: Side{On: true, Alpha: 1.6},
	}
}

// Stream draws λ and π. The draw of step s depends on the seed and s alone, so
// that a stream is saved as these two numbers and a resumed run goes on with the
// same draws.
type Stream struct {
	Seed uint64
	Step uint64 // draws made so far
}

// Next draws λ and π for queries [n, d] and a queue [k, d] on device.
func (s *Stream) Next(t Transform, n, k, d int, device torch.Device) Draw {
	rng := rand.New(rand.NewPCG(s.Seed^0x66742f6c616d6264, s.Step))
	s.Step++
	var draw Draw
	if t.Positive.On {
		draw.Positive = t.Positive.draw(rng, n, d, device)
	}
	if t.Negative.On {
		draw.Negative = t.Negative.draw(rng, k, d, device)
		π := make([]int64, k)
		for i, p := range rng.Perm(k) {
			π[i] = int64(p)
		}
		draw.Permutation = torch.FromInt64(π, k).ToDevice(device)
	}
	return draw
}

func (s Side) draw(rng *rand.Rand, rows, d int, device torch.Device) *Lambda {
	next := rng.Float64
	if !s.Uniform {
		next = distuv.Beta{Alpha: s.Alpha, Beta: s.Alpha, Src: rng}.Rand
	}
	shift := 0.0
	if s.Extrapolate {
		shift = 1
	}
	if !s.Elementwise {
		return &Lambda{Value: next() + shift}
	}
	values := make([]float32, rows*d)
	for i := range values {
		values[i] = float32(next() + shift)
	}
	return &Lambda{Elements: torch.FromFloat32(values, rows, d).ToDevice(device)}
}
