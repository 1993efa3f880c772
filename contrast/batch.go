package contrast

import (
	"math"

	"contralens/torch"
)

// NTXent compares the features u and v [N, d] of two views of a batch with each
// other (SimCLR, Chen et al., 2020). Each of the 2N features z = [u; v] is a
// query whose positive k is the image's other view and whose negatives are both
// views of the other images:
//
//	loss = -1/2N Σ_i log( exp(q'_i·k'_i/τ) / (exp(q'_i·k'_i/τ) + Σ_j exp(q'_i·n'_ij/τ)) )
//
// Nothing is constant: gradients flow to u and v through queries, positives and negatives.
// The feature transformation extrapolates the positives of both directions and mixes
// each negative n_j with the same view of another image. Images are mixed along a circle
// in the order of π, so none is mixed with itself. Mixed negatives that contain the
// query's own image are left out, so 2N-4 of the 2N-2 remain. A batch of two images
// would have none, so it keeps its negatives unmixed.
// draw must be for 2N queries and 2N negatives. Output.Scores has the rows of u's
// direction, [N, 5].
func NTXent(u, v *torch.Tensor, draw Draw, o Options) *Output {
	out := &Output{}
	draw = draw.forBatch(u.Size(0))
	out.Loss = torch.Scoped1(func() *torch.Tensor {
		z := torch.Cat([]*torch.Tensor{u, v}, 0)
		if o.Bound > 0 {
			d := z.Detach()
			out.Statistics = observe(d, swap(d), draw, o, func(raw *Distribution) {
				raw.describe(d.Mm(d.T()).Gather(1, negativesOf(d.Size(0)/2, nil, d, o)), o)
			})
		}
		if o.Trace != nil {
			out.traceBatch(z.Detach(), draw, o)
		}
		return out.measured(z, draw, o, func(z *torch.Tensor) *torch.Tensor { return batchLoss(out, z, draw, o) })
	})
	if o.Scores {
		o.Readback.Then(func() { out.Scores = out.Scores[:len(out.Scores)/2] })
	}
	return out
}

// batchLoss is the loss of NTXent. Its gradient with respect to the scores, those of
// negatives in an [2N, 2N] matrix, is computed by hand. It is scattered there without
// sums, which on a GPU would be atomic and so in no fixed order.
func batchLoss(out *Output, z *torch.Tensor, draw Draw, o Options) *torch.Tensor {
	return torch.Scoped1(func() *torch.Tensor {
		q, k, n, order := transformBatch(z, draw, o)
		pos := q.Mul(k).SumDim([]int{1}, true)
		scores := q.Mm(n.T())
		columns := negativesOf(z.Size(0)/2, order, z, o)
		neg := scores.Detach().Gather(1, columns)
		out.Negatives = neg.Size(1)
		var value, dpos, dneg *torch.Tensor
		if o.Loss != nil {
			value, dpos, dneg, _ = slopes(out, pos.Detach(), neg, nil, o)
		} else {
			torch.NoGrad(func() {
				value, dneg, dpos = softmax(out, pos.Detach(), neg, torch.EmptyLike(neg), o)
				out.value(value, o)
				size := float64(z.Size(0)) * o.Temperature
				dneg.MulScalar_(1 / size)
				dpos.AddScalar_(-1).MulScalar_(1 / size)
			})
		}
		all := torch.ZerosLike(scores).Scatter_(1, columns, dneg)
		return torch.CustomGrad(value, []*torch.Tensor{scores, pos}, []*torch.Tensor{all, dpos})
	})
}

// NTXentPlain is NTXent by autograd alone. It computes the whole matrix of scores and
// masks what is not a negative.
func NTXentPlain(u, v *torch.Tensor, draw Draw, o Options) *Output {
	out := &Output{}
	images := u.Size(0)
	draw = draw.forBatch(images)
	out.Logits = torch.Scoped1(func() *torch.Tensor {
		z := torch.Cat([]*torch.Tensor{u, v}, 0)
		q, k, n, order := transformBatch(z, draw, o)
		var partner []int
		if order != nil {
			partner = order.partners()
		}
		struck := make([]float32, 4*images*images)
		for i := range 2 * images {
			for j := range 2 * images {
				if own, of := i%images, j%images; of == own || (partner != nil && partner[of] == own) {
					struck[i*2*images+j] = float32(math.Inf(-1))
				}
			}
		}
		pos := q.Mul(k).SumDim([]int{1}, true)
		neg := q.Mm(n.T()).Add(torch.FromFloat32(struck, 2*images, 2*images).ToDevice(z.Device()))
		return torch.Cat([]*torch.Tensor{pos, neg}, 1).DivScalar(o.Temperature)
	})
	negatives := 2*images - 2
	if draw.Negative != nil {
		negatives -= 2 // those mixed with the query's own image
	}
	out.Loss = torch.Scoped1(func() *torch.Tensor {
		labels := torch.Zeros([]int{2 * images}, torch.Options{Dtype: torch.Int64, Device: u.Device()})
		return out.lossOfLogits(labels, negatives, nil, o)
	})
	out.value(out.Loss, o)
	return out
}

// transformBatch transforms z = [u; v] into queries, keys and the pool of negatives, all
// [2N, d]. order is the circle along which images are mixed; it is nil if none are.
func transformBatch(z *torch.Tensor, draw Draw, o Options) (q, k, n *torch.Tensor, order *circle) {
	q, k, n = z, swap(z), z
	q, k = draw.positives(q, k)
	if draw.Negative != nil {
		order = newCircle(draw.Permutation, z.Size(0)/2)
		n = Interpolate(n, order.permutation(z, o), *draw.Negative)
	}
	if draw.NormalizeNegative {
		n = n.Normalize(1)
	}
	return q, k, n, order
}

// swap exchanges the two halves of z [2N, d].
func swap(z *torch.Tensor) *torch.Tensor {
	return torch.Scoped1(func() *torch.Tensor {
		n := z.Size(0) / 2
		return torch.Cat([]*torch.Tensor{z.Narrow(0, n, n), z.Narrow(0, 0, n)}, 0)
	})
}

// forBatch leaves out the negatives of the draw if a batch of n images is too small to
// mix them.
func (d Draw) forBatch(n int) Draw {
	if n < 3 {
		d.Negative, d.Permutation = nil, nil
	}
	return d
}
