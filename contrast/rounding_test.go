package contrast

import (
	"math"

	"contralens/internal/numeric"
	"contralens/torch"
)

// lossRounding is the most by which float32 can be off in a contrastive loss of unit
// rows of d elements, each with so many scores.
//
// A score a·b/τ of transformed rows is a sum of d products, each of which has eight
// roundings behind it: unit length and mixing on both sides, and the division by τ.
// Their magnitudes sum to at most |a|·|b|, where |a| ≤ λ + |1-λ| for a mix of two unit
// rows. The loss, log Σ exp(scores) - score of the positive, is off by at most twice as
// much, and by the rounding of the sum of exponentials and of the logarithm.
func lossRounding(draw Draw, d, scores int, τ float64) float64 {
	length := max(draw.Positive.length(), draw.Negative.length())
	size := length * length / τ
	return 2*numeric.Sum(d+8, size) + numeric.Sum(scores+8, 1) + numeric.Sum(2, size+math.Log(float64(scores)))
}

// length is the largest length of a mix of two unit rows.
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

// inFloat64 is a draw whose elements of λ are float64.
func (d Draw) inFloat64() Draw {
	for _, λ := range []**Lambda{&d.Positive, &d.Negative} {
		if *λ != nil && (*λ).Elements != nil {
			*λ = &Lambda{Elements: (*λ).Elements.To(torch.Float64)}
		}
	}
	return d
}
