package eval

import (
	"contralens/peers"
	"contralens/torch"
	"contralens/world"
)

// Sizes of the products of knnOn: 2,048 queries with 65,536 rows of the bank take 512 MB on
// the device, and so do the rows with 2,048 features each.
const (
	bankRows   = 1 << 16
	queryChunk = 1 << 11
)

// knnOn is knn on a device, for features in main memory of any size: the queries lie on the
// device, and the bank passes by, rows at a time. Each query keeps its K nearest so far.
func knnOn(
	d torch.Device, rows int, bank *torch.Tensor, bankLabels []int64, queries *torch.Tensor, queryLabels []int64,
	v Vote, classes int, p *peers.Peers,
) (count int) {
	w := worldOf(p)
	torch.NoGrad(func() {
		torch.Scoped(func() {
			standardized := func(x *torch.Tensor) *torch.Tensor { return x }
			if v.Standardize {
				variance, mean := bank.VarMean([]int{0}, true, true)
				mean, deviation := mean.ToDevice(d), variance.Sqrt().AddScalar_(1e-6).ToDevice(d)
				standardized = func(x *torch.Tensor) *torch.Tensor { return x.Sub(mean).Div_(deviation) }
			}
			var all []*nearest
			for start := w.Rank * queryChunk; start < len(queryLabels); start += max(1, w.Size) * queryChunk {
				n := min(queryChunk, len(queryLabels)-start)
				q := torch.Scoped1(func() *torch.Tensor {
					return standardized(queries.Narrow(0, start, n).ToDevice(d)).Normalize(1)
				})
				all = append(all, &nearest{from: start, queries: q})
			}
			for start := 0; start < len(bankLabels); start += rows {
				n := min(rows, len(bankLabels)-start)
				p.Tell(start+1, world.Computing)
				torch.Scoped(func() {
					part := standardized(bank.Narrow(0, start, n).ToDevice(d)).Normalize(1).T()
					labels := torch.FromInt64(bankLabels[start:start+n], n).ToDevice(d)
					for _, q := range all {
						q.see(part, labels, v.K)
					}
				})
			}
			var right []*torch.Tensor
			for _, q := range all {
				n := q.queries.Size(0)
				target := torch.FromInt64(queryLabels[q.from:q.from+n], n).ToDevice(d)
				right = append(right, q.vote(v.Temperature, classes).Eq(target).To(torch.Float64).Sum())
				q.free()
			}
			if len(right) > 0 {
				count = int(torch.Stack(right, 0).Sum().Item())
			}
		})
	})
	return count
}

// nearest are the nearest rows of the bank so far of some queries.
type nearest struct {
	from       int           // the first of the queries
	queries    *torch.Tensor // unit length [n, D]
	similarity *torch.Tensor // [n, k]
	labels     *torch.Tensor // int64 [n, k]
}

// see looks for nearer rows in a part of the bank: unit columns [D, R], labels int64 [R].
func (q *nearest) see(part, labels *torch.Tensor, k int) {
	torch.Scoped(func() {
		s, at := q.queries.Mm(part).TopK(min(k, part.Size(1)), 1)
		l := labels.IndexSelect(0, at.Reshape(-1)).Reshape(at.Shape()...)
		if q.similarity != nil {
			s, l = torch.Cat([]*torch.Tensor{q.similarity, s}, 1), torch.Cat([]*torch.Tensor{q.labels, l}, 1)
			s, at = s.TopK(min(k, s.Size(1)), 1)
			l = l.Gather(1, at)
		}
		q.free()
		q.similarity, q.labels = s.Keep(), l.Keep()
	})
}

// vote returns the class with the most votes of each query, int64 [n].
func (q *nearest) vote(temperature float64, classes int) *torch.Tensor {
	return torch.Scoped1(func() *torch.Tensor {
		votes := torch.Zeros([]int{q.queries.Size(0), classes}, torch.Options{Device: q.queries.Device()})
		return votes.ScatterAdd_(1, q.labels, q.similarity.DivScalar(temperature).Exp_()).Argmax(1, false)
	})
}

func (q *nearest) free() {
	q.similarity.Free()
	q.labels.Free()
}
