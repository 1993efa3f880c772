// Package contrast has the losses of contrastive learning and the feature transformation
// of Zhu et al., "Improving Contrastive Learning by Visualizing Feature Transformation"
// (ICCV 2021). Letters are those of the paper:
//
//	q  queries [N, d], unit rows         k  their keys [N, d], unit rows
//	n  the queue's keys [K, d]           π  a permutation of 0 … K-1
//	λ  a mixing weight                   τ  the temperature
//
// A step of training draws λ and π with [Stream.Next] and passes the [Draw] to a loss:
// [InfoNCE] compares queries with a [Queue] or a [MemoryBank], [NTXent] compares the
// features of a batch with each other, and [Similarity] has no negatives. The loss
// applies the transformation itself and returns an [Output] with the loss and, if
// requested, [Statistics] of the scores. After the backward pass, untransformed keys
// enter the queue.
package contrast

import "contralens/torch"

// Extrapolate pushes a positive pair apart, along the line through it:
//
//	q' = λq + (1-λ)k    k' = λk + (1-λ)q    λ ∈ [1, 2]
//
// so that q'·k' = 2λ(1-λ)(1-q·k) + q·k ≤ q·k for unit q and k (Zhu et al., ICCV 2021).
// With λ in [0, 1] it pulls the pair together. q and k are [N, d]; λ is one number, or
// one per element [N, d]. Gradients flow to q through q' and k'.
func Extrapolate(q, k *torch.Tensor, λ Lambda) (q1, k1 *torch.Tensor) {
	return λ.mix(q, k), λ.mix(k, q)
}

// Interpolate mixes the queue with a permutation of itself:
//
//	n'_i = λ n_i + (1-λ) n_π(i)    λ ∈ [0, 1]
//
// n is [K, d], π is int64 [K]; λ is one number, or one per element [K, d].
func Interpolate(n, π *torch.Tensor, λ Lambda) *torch.Tensor {
	return torch.Scoped1(func() *torch.Tensor { return λ.mix(n, n.IndexSelect(0, π)) })
}

// Lambda is a mixing weight: one number for all rows, or one per element.
type Lambda struct {
	Value    float64
	Elements *torch.Tensor // if set, one λ per element, in the shape of the mixed rows
}

// mix returns λa + (1-λ)b. It is not computed as b + λ(a-b), because the reference code
// adds in this order and λ = 1 stays exact.
func (λ Lambda) mix(a, b *torch.Tensor) *torch.Tensor {
	return torch.Scoped1(func() *torch.Tensor {
		if λ.Elements != nil {
			return a.Mul(λ.Elements).Add(b.Mul(λ.Elements.SubFrom(1)))
		}
		return a.MulScalar(λ.Value).AddInto_(b, 1-λ.Value)
	})
}

// Draw is the feature transformation of one step: λ of both sides and π. The zero
// value transforms nothing.
type Draw struct {
	Positive    *Lambda       // nil: positives are not mixed
	Negative    *Lambda       // nil: negatives are not mixed
	Permutation *torch.Tensor // π, int64 [K]; set with Negative
	// NormalizePositive L2-normalizes q' and k' after the mixing, NormalizeNegative n'.
	NormalizePositive, NormalizeNegative bool
}

// positives returns q' and k' [N, d].
func (d Draw) positives(q, k *torch.Tensor) (q1, k1 *torch.Tensor) {
	if d.Positive != nil {
		q, k = Extrapolate(q, k, *d.Positive)
	}
	if d.NormalizePositive {
		q, k = q.Normalize(1), k.Normalize(1)
	}
	return q, k
}

// On reports whether λ mixes anything.
func (d Draw) On() bool { return d.Positive != nil || d.Negative != nil }

// Free drops the tensors of the draw.
func (d Draw) Free() {
	for _, λ := range []*Lambda{d.Positive, d.Negative} {
		if λ != nil {
			λ.Elements.Free()
		}
	}
	d.Permutation.Free()
}
