package contrast

import (
	"math"

	"contralens/internal/numeric"
	"contralens/torch"
)

// lossRounding is the largest error of float32 in a contrastive loss of unit rows of d
// elements with the given number of scores per row.
//
// A score a·b/τ of transformed rows is a sum of d products. Each product has eight earlier
// roundings: unit length and mixing on both sides, and the division by τ. Their magnitudes
// sum to at most |a|·|b|, where |a| ≤ λ + |1-λ| for a mix of two unit rows. The error of
// the loss, log Σ exp(scores) - score of the positive, is at most twice as large, plus the
// rounding of the sum of exponentials and of the logarithm.
func lossRounding(draw Draw, d, scores int, τ float64) float64 {
	length := max(draw.Positive.length(), draw.Negative.length())
	size := length * length / τ
	return 2*numeric.Sum(d+8, size) + numeric.Sum(scores+8, 1) + numeric.Sum(2, size+math.Log(float64(scores)))
}

// length returns the largest length of a mix of two unit rows.
func (λ *Lambda) length() float64 {
	if λ == nil {
		return 1
	}
	largest := λ.Value
	if λ.Elements != nil {
		largest = λ.Elements.Max().Item()
	}
	return max(1, 2*largest-1)
}

// inFloat64 returns a draw with the elements of λ in float64.
func (d Draw) inFloat64() Draw {
	for _, λ := range []**Lambda{&d.Positive, &d.Negative} {
		if *λ != nil && (*λ).Elements != nil {
			*λ = &Lambda{Elements: (*λ).Elements.To(torch.Float64)}
		}
	}
	return d
}
