package contrast

import (
	"math"

	"contralens/torch"
)

// streamed computes what derivative does for a queue on the CPU, in one pass over its
// rows (torch.Mixed.Attend): neither the mixed rows nor the scores are ever stored. For
// each query let
//
//	L = log Σ_i exp(q'·n'_i/τ)    a = Σ_i n'_i exp(q'·n'_i/τ) / exp(L)
//
// and w the share of the negatives in the softmax over all scores. Then
//
//	loss = log(1 + exp(L - pos/τ))    w = 1 / (1 + exp(pos/τ - L))
//	∂loss/∂q' = w (a - k') / τN       ∂loss/∂k' = -w q' / τN
func streamed(out *Output, q, k *torch.Tensor, n QueueNegatives, draw Draw, o Options) (value, dq, dk *torch.Tensor) {
	a := n.mix(draw).Attend(q, o.Temperature, true, counting(o.Bound))
	pos := q.Mul(k).SumDim([]int{1}, false).Float64s()
	τ, size := o.Temperature, float64(len(pos))
	w := make([]float64, len(pos))
	for i, pos := range pos {
		margin := pos/τ - a.LogSum[i]
		w[i] = 1 / (1 + math.Exp(margin)) / (τ * size)
		out.Value += softplus(-margin) / size
	}
	out.attended(a, pos, n.Len(), o)
	share := torch.FromFloat64(w, len(w), 1).To(torch.Float32)
	return torch.Scalar(out.Value), a.Sum.Sub_(k).Mul(share), q.Mul(share).Neg()
}

// attended records what one pass at the temperature of the options tells of positive scores
// pos and of the k negatives of each query.
func (out *Output) attended(a torch.Attention, pos []float64, k int, o Options) {
	τ, first := o.Temperature, 0.0
	for i, pos := range pos {
		if pos >= a.Max[i] {
			first++
		}
	}
	out.Accuracy = 100 * first / float64(len(pos))
	if o.Scores {
		out.Scores = make([]float32, 0, len(pos)*ScoreColumns)
		for i, pos := range pos {
			expNeg := math.Exp(a.LogSum[i]) / float64(k)
			out.Scores = append(out.Scores, float32(a.Mean[i]), float32(a.Variance[i]), float32(pos), float32(expNeg),
				float32(math.Exp(pos/τ)))
		}
	}
	if o.Bound > 0 {
		out.Statistics.Seen.describePositives(pos, τ)
		out.Statistics.Seen.negatives(a, k, o.Bound)
		out.Statistics.Entropy = average(a.Entropy)
	}
}

// streams reports whether queries can be compared with negatives in one pass.
func streams(q *torch.Tensor, negatives Negatives, o Options) (QueueNegatives, bool) {
	s, shared := negatives.(QueueNegatives)
	return s, shared && !o.operators(q)
}

// mix describes the rows as the draw transforms them.
func (s QueueNegatives) mix(draw Draw) torch.Mixed {
	m := torch.Mixed{Rows: s.Rows, Normalize: draw.NormalizeNegative}
	if λ := draw.Negative; λ != nil {
		m.Permutation, m.Lambda, m.Elements = draw.Permutation, λ.Value, λ.Elements
	}
	return m
}

// softplus is log(1 + exp(x)).
func softplus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }
