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
				raw.describe(d.Mm(d.T()).Gather(1, others(d.Size(0)/2, nil).ToDevice(d.Device())), o)
			})
		}
		return out.measured(z, draw, o, func(z *torch.Tensor) *torch.Tensor { return batchLoss(out, z, draw, o) })
	})
	if o.Scores {
		o.Readback.Then(func() { out.Scores = out.Scores[:len(out.Scores)/2] })
	}
	return out
}

// batchLoss is the loss of NTXent. Its gradient with respect to the scores is computed by
// hand.
func batchLoss(out *Output, z *torch.Tensor, draw Draw, o Options) *torch.Tensor {
	return torch.Scoped1(func() *torch.Tensor {
		q, k, n, partner := transformBatch(z, draw)
		pos := q.Mul(k).SumDim([]int{1}, true)
		neg := q.Mm(n.T()).Gather(1, others(z.Size(0)/2, partner).ToDevice(z.Device()))
		out.Negatives = neg.Size(1)
		var value, p, ppos *torch.Tensor
		torch.NoGrad(func() {
			value, p, ppos = softmax(out, pos.Detach(), neg.Detach(), torch.EmptyLike(neg), o)
			out.value(value, o)
			size := float64(z.Size(0)) * o.Temperature
			p.MulScalar_(1 / size)
			ppos.AddScalar_(-1).MulScalar_(1 / size)
		})
		return torch.CustomGrad(value, []*torch.Tensor{neg, pos}, []*torch.Tensor{p, ppos})
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
		q, k, n, partner := transformBatch(z, draw)
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
	out.Loss = torch.Scoped1(func() *torch.Tensor {
		return out.Logits.CrossEntropy(torch.Zeros([]int{2 * images}, torch.Options{Dtype: torch.Int64, Device: u.Device()}))
	})
	out.value(out.Loss, o)
	return out
}

// transformBatch transforms z = [u; v] into queries, keys and the pool of negatives, all
// [2N, d]. partner[i] is the image that image i of the pool is mixed with; it is nil if
// nothing is mixed.
func transformBatch(z *torch.Tensor, draw Draw) (q, k, n *torch.Tensor, partner []int) {
	images := z.Size(0) / 2
	q, k, n = z, swap(z), z
	q, k = draw.positives(q, k)
	if draw.Negative != nil {
		partner = circle(draw.Permutation.Int64s(), images)
		π := make([]int64, 2*images)
		for i, p := range partner {
			π[i], π[images+i] = int64(p), int64(images+p)
		}
		n = Interpolate(n, torch.FromInt64(π, len(π)).ToDevice(z.Device()), *draw.Negative)
	}
	if draw.NormalizeNegative {
		n = n.Normalize(1)
	}
	return q, k, n, partner
}

// swap exchanges the two halves of z [2N, d].
func swap(z *torch.Tensor) *torch.Tensor {
	return torch.Scoped1(func() *torch.Tensor {
		n := z.Size(0) / 2
		return torch.Cat([]*torch.Tensor{z.Narrow(0, n, n), z.Narrow(0, 0, n)}, 0)
	})
}

// circle returns the successor of each image 0 … n-1 in the order of π, which is closed
// to a circle.
func circle(π []int64, n int) []int {
	var order []int
	for _, p := range π {
		if int(p) < n {
			order = append(order, int(p))
		}
	}
	next := make([]int, n)
	for i, image := range order {
		next[image] = order[(i+1)%n]
	}
	return next
}

// others returns the columns of the negatives in a [2n, 2n] matrix of scores: int64 [2n,
// 2n-2], or [2n, 2n-4] if images are mixed with partner's.
func others(n int, partner []int) *torch.Tensor {
	before := make([]int, len(partner)) // before[j] is the image whose partner is j
	for i, p := range partner {
		before[p] = i
	}
	return columnsWithout(2*n, func(row int) []int {
		i := row % n
		if partner == nil {
			return []int{i, n + i}
		}
		j := before[i]
		return []int{min(i, j), max(i, j), n + min(i, j), n + max(i, j)}
	})
}

// columnsWithout lists the columns of each row of an [n, n] matrix, except those that
// without returns for the row: int64 [n, …]. without must return ascending columns, the
// same number for every row. Columns are copied run by run, because a step may need n²
// of them.
func columnsWithout(n int, without func(row int) []int) *torch.Tensor {
	all := make([]int64, n)
	for i := range all {
		all[i] = int64(i)
	}
	columns := make([]int64, 0, n*n)
	for row := range n {
		from := 0
		for _, out := range without(row) {
			columns = append(columns, all[from:out]...)
			from = out + 1
		}
		columns = append(columns, all[from:]...)
	}
	return torch.FromInt64(columns, n, len(columns)/n)
}

// forBatch leaves out the negatives of the draw if a batch of n images is too small to
// mix them.
func (d Draw) forBatch(n int) Draw {
	if n < 3 {
		d.Negative, d.Permutation = nil, nil
	}
	return d
}
