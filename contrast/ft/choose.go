package ft

import (
	"math"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"
)

// Scores are what [Choose] decides by: means over steps of untransformed scores.
type Scores struct {
	Positive float64 // mean positive score s
	Negative float64 // mean negative score m
	Hardest  float64 // mean of each query's largest negative score h
	// Share is the effective share of the negatives at the temperature of the run: exp of the
	// entropy of the softmax over a query's negatives, divided by their number.
	Share float64
}

// The bounds of α that Choose returns, and of τ, and what it aims at.
const (
	leastAlpha, mostAlpha = 0.5, 16
	leastTau, mostTau     = 0.03, 1
	above                 = 0.95 // share of λ that leave the mean positive above the mean negative
	effective             = 0.5  // share of the negatives that count
)

// Choose returns t with both α chosen by scores, and without a side that they do not allow.
// With λ = 1 + x, x ~ Beta(α, α), an average positive becomes
//
//	s'(x) = s - 2x(1+x)(1-s)
//
// α of positives is the smallest, which spreads λ most, with P(s' > m) ≥ 0.95. If no α up to 16
// has that, positives are too near to negatives, and stay as they are. α of negatives is that
// with which the hardest negative meets the average transformed positive,
//
//	m + (h-m) E max(λ, 1-λ) = E s'    λ ~ Beta(α, α)
//
// between 0.5 and 16: easy negatives keep most of themselves, hard ones are mixed evenly.
func (t Transform) Choose(s Scores) Transform {
	positive := s.Positive
	if t.Positive.On && t.Positive.Extrapolate {
		c := math.Max(0, (s.Positive-s.Negative)/math.Max(1e-6, 1-s.Positive))
		most := (math.Sqrt(1+2*c) - 1) / 2 // s'(most) = m
		stays := func(α float64) float64 {
			return distuv.Beta{Alpha: α, Beta: α}.CDF(math.Min(most, 1))
		}
		if t.Positive.On = most > 0.5 && stays(mostAlpha) >= above; t.Positive.On {
			t.Positive.Alpha = solve(stays, above)
			variance := 1 / (4 * (2*t.Positive.Alpha + 1))
			positive -= (1.5 + 2*variance) * (1 - s.Positive)
		}
	}
	if t.Negative.On {
		larger := func(α float64) float64 { // -E max(λ, 1-λ), which rises with α
			return -0.5 - math.Pow(2, -2*α)/(α*mathext.Beta(α, α))
		}
		t.Negative.Alpha = solve(larger, -(positive-s.Negative)/math.Max(1e-6, s.Hardest-s.Negative))
	}
	return t
}

// solve returns the α between the bounds at which f, which rises with α, reaches want, or the
// bound nearest to it, with two decimals.
func solve(f func(α float64) float64, want float64) float64 {
	low, high := float64(leastAlpha), float64(mostAlpha)
	for range 50 {
		if middle := (low + high) / 2; f(middle) >= want {
			high = middle
		} else {
			low = middle
		}
	}
	return math.Ceil(100*high-1e-6) / 100
}

// ChooseTemperature returns the temperature at which half of the negatives count, given that of
// the run. For normal scores, the effective share is exp(-σ²/2τ²), and so
//
//	τ ← τ √(ln(1/share) / ln 2)
//
// between 0.03 and 1.
func (s Scores) ChooseTemperature(τ float64) float64 {
	if !(s.Share > 0) {
		return τ
	}
	τ *= math.Sqrt(math.Log(1/math.Min(s.Share, 1)) / math.Log(1/effective))
	return math.Round(1000*math.Min(mostTau, math.Max(leastTau, τ))) / 1000
}
