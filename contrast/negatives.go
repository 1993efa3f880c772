package contrast

import "contralens/torch"

// Negatives are the K rows that each query is compared with besides its key. There are
// two kinds, QueueNegatives and SampledNegatives.
type Negatives interface {
	// Len is K.
	Len() int
	// mixed returns the negatives after the transformation: n'_i = λ n_i + (1-λ) n_π(i) if
	// there is a λ, scaled to unit length if the draw normalizes them.
	mixed(draw Draw) Negatives
	// scores returns q·n_i [N, K] for queries [N, d]. Those of SampledNegatives are not
	// recorded for autograd.
	scores(q *torch.Tensor) *torch.Tensor
	// gradient returns Σ_i g_i n_i [N, d], the gradient with respect to the queries, given
	// the gradient g [N, K] with respect to the scores.
	gradient(g *torch.Tensor) *torch.Tensor
}

// QueueNegatives are the same rows for every query: MoCo's queue.
type QueueNegatives struct {
	Rows *torch.Tensor // [K, d]
	// Origins are those of the rows, int32 [K, 3]; nil: they are not known.
	Origins *torch.Tensor
}

// Len is K.
func (s QueueNegatives) Len() int { return s.Rows.Size(0) }

func (s QueueNegatives) mixed(draw Draw) Negatives {
	if draw.Negative != nil {
		s.Rows = Interpolate(s.Rows, draw.Permutation, *draw.Negative)
	}
	if draw.NormalizeNegative {
		s.Rows = s.Rows.Normalize(1)
	}
	return s
}

func (s QueueNegatives) scores(q *torch.Tensor) *torch.Tensor   { return q.Mm(s.Rows.T()) }
func (s QueueNegatives) gradient(g *torch.Tensor) *torch.Tensor { return g.Mm(s.Rows) }

// SampledNegatives are rows of a memory bank, different ones for every query. They are
// gathered block by block, once for the scores and once for the gradient. Together they
// would take 8.6 GB at a batch of 256, K = 65,536 and d = 128.
// All queries share π and λ; λ is one number, or one per element of the K rows [K, d].
type SampledNegatives struct {
	Bank    *torch.Tensor // [M, d]
	Origins *torch.Tensor // of its rows, int32 [M, 3]; nil: they are not known
	Count   int           // K
	// At returns the row of the bank that is the i-th negative of a query. It is called
	// again for the gradient, which saves storing N·K numbers.
	At func(query, i int) int64
	// Indices is At for whole tensors on any device: of queries [n, 1] and i [1, c] or
	// [n, c], int64, to [n, c]. A bank on a device uses it where it is set; otherwise At
	// is called on the host and its results are copied to the device.
	Indices func(queries, i *torch.Tensor) *torch.Tensor

	π           []int64 // either π or permutation, see hashes
	permutation *torch.Tensor
	λ           *Lambda
	normalize   bool

	byOperators bool // gather on the CPU as on a device
}

// blockElements is the number of values that are gathered at a time: 8 MB. Mixing needs
// five such blocks, a few of which fit into the cache.
const blockElements = 1 << 21

// deviceBlockElements is the same on a device, 268 MB, so that thousands of launches
// don't take longer than what they launch.
const deviceBlockElements = 1 << 26

// Len is K.
func (d SampledNegatives) Len() int { return d.Count }

func (d SampledNegatives) mixed(draw Draw) Negatives {
	if draw.Negative != nil {
		d.λ = draw.Negative
		if d.hashes() {
			d.permutation = draw.Permutation
		} else {
			d.π = draw.Permutation.Int64s()
		}
	}
	d.normalize = draw.NormalizeNegative
	return d
}

func (d SampledNegatives) scores(q *torch.Tensor) *torch.Tensor {
	n := q.Size(0)
	out := torch.Empty([]int{n, d.Count}, torch.Options{Dtype: q.Dtype(), Device: q.Device()})
	d.blocks(n, func(b block) {
		of := q.Narrow(0, b.query, b.queries).Unsqueeze(2)
		out.Narrow(0, b.query, b.queries).Narrow(1, b.first, b.count).Copy_(d.rows(b).Bmm(of).Squeeze(2))
	})
	return out
}

func (d SampledNegatives) gradient(g *torch.Tensor) *torch.Tensor {
	n := g.Size(0)
	out := torch.Zeros([]int{n, d.Bank.Size(1)}, torch.Options{Dtype: g.Dtype(), Device: g.Device()})
	d.blocks(n, func(b block) {
		of := g.Narrow(0, b.query, b.queries).Narrow(1, b.first, b.count).Unsqueeze(1)
		out.Narrow(0, b.query, b.queries).AddInto_(of.Bmm(d.rows(b)).Squeeze(1), 1)
	})
	return out
}

// drawnIndices is the number of indices that are drawn at a time on a device, 34 MB: a draw takes
// some 25 launches for any number of them.
const drawnIndices = 1 << 22

// block is a block of scores: negatives first … first+count-1 of queries query …
// query+queries-1.
type block struct {
	query, queries, first, count int
	// drawn are the indices of all negatives of these queries, int64 [queries, K], if they are
	// drawn on a device.
	drawn *torch.Tensor
}

// blocks calls f for blocks that cover n queries, each in its own scope.
func (d SampledNegatives) blocks(n int, f func(block)) {
	if !d.hashes() {
		d.split(0, n, nil, f)
		return
	}
	group := max(1, drawnIndices/d.Count)
	for query := 0; query < n; query += group {
		torch.Scoped(func() {
			queries := min(group, n-query)
			d.split(query, queries, d.draw(query, queries), f)
		})
	}
}

// split calls f for blocks that cover the queries from, …, from+n-1. drawn are their indices,
// int64 [n, K], or nil.
func (d SampledNegatives) split(from, n int, drawn *torch.Tensor, f func(block)) {
	dim, elements := d.Bank.Size(1), blockElements
	if !d.Bank.Device().IsCPU() {
		elements = deviceBlockElements
	}
	count := max(1, min(d.Count, elements/dim))
	queries := max(1, elements/(count*dim))
	for at := 0; at < n; at += queries {
		for first := 0; first < d.Count; first += count {
			torch.Scoped(func() {
				b := block{query: from + at, queries: min(queries, n-at), first: first, count: min(count, d.Count-first)}
				if drawn != nil {
					b.drawn = drawn.Narrow(0, at, b.queries)
				}
				f(b)
			})
		}
	}
}

// rows gathers and transforms the negatives of a block, [queries, count, d].
func (d SampledNegatives) rows(b block) *torch.Tensor {
	return torch.Scoped1(func() *torch.Tensor {
		rows := d.gather(b, false)
		if d.λ != nil {
			others := d.gather(b, true)
			λ := *d.λ
			if λ.Elements != nil {
				λ.Elements = λ.Elements.Narrow(0, b.first, b.count)
			}
			rows = λ.mix(rows, others)
		}
		if d.normalize {
			rows = rows.Normalize(2)
		}
		return rows
	})
}

// hashes reports whether the rows of negatives are drawn on the bank's device.
func (d SampledNegatives) hashes() bool {
	return d.Indices != nil && (d.byOperators || !d.Bank.Device().IsCPU())
}

// gather picks the rows of a block from the bank, or, if moved, those that π moves to
// their places.
func (d SampledNegatives) gather(b block, moved bool) *torch.Tensor {
	return d.Bank.IndexSelect(0, d.indices(b, moved)).View(b.queries, b.count, -1)
}

// indices are the rows of a block, int64 [queries·count].
func (d SampledNegatives) indices(b block, moved bool) *torch.Tensor {
	switch {
	case b.drawn == nil:
		return d.atHost(b, moved)
	case moved:
		return b.drawn.IndexSelect(1, d.permutation.Narrow(0, b.first, b.count)).View(-1)
	}
	return b.drawn.Narrow(1, b.first, b.count).Contiguous().View(-1)
}

// atHost draws the rows of a block on the host.
func (d SampledNegatives) atHost(b block, moved bool) *torch.Tensor {
	at := make([]int64, 0, b.queries*b.count)
	for query := range b.queries {
		for i := range b.count {
			of := b.first + i
			if moved {
				of = int(d.π[of])
			}
			at = append(at, d.At(b.query+query, of))
		}
	}
	return torch.FromInt64(at, len(at)).ToDevice(d.Bank.Device())
}

// draw draws all negatives of n queries on the bank's device, int64 [n, K].
func (d SampledNegatives) draw(query, n int) *torch.Tensor {
	return torch.Scoped1(func() *torch.Tensor {
		device := d.Bank.Device()
		queries := torch.ArangeOn(n, device).AddInt(int64(query)).Unsqueeze(1)
		return d.Indices(queries, torch.ArangeOn(d.Count, device).Unsqueeze(0))
	})
}
