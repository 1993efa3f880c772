package contrast

import "contralens/torch"

// Tracing asks a loss with negatives for a Trace of the batch.
type Tracing struct {
	Top    int           // negatives to name per query
	Images *torch.Tensor // images of the queries, int32 [N]; nil: they are not known
	Labels *torch.Tensor // classes of the dataset's images, int32; nil: there are none
	Step   int           // number of this step
	// Batch are the origins of the keys u and v of NTXent, int32 [2N, 3]; nil: they are not known.
	Batch *torch.Tensor
}

// Trace says which images are behind the gradient of a batch: of its first MaxTraced queries. All
// shares are shares of the pull of the negatives,
//
//	g_ij = |∂loss/∂(q'_i·n'_j)| = exp(q'_i·n'_j/τ) / (exp(q'_i·k'_i/τ) + Σ_j exp(q'_i·n'_j/τ)) / τN
//
// which sums to that of the positive over j. A share of the batch is a sum of some g_ij divided by
// the sum of all. A mixed negative n'_j counts λ times as n_j and 1-λ times as n_π(j) (with one λ per
// element, their mean). Relatives of InfoNCE are traced as InfoNCE.
type Trace struct {
	Queries []TracedQuery
	Hardest [len(HardestCounts)]float64 // share of the hardest negatives of each query, by HardestCounts
	// Age has the share of the keys by age: a quarter each of the time from the newest to the oldest
	// key, the newest first. Untrained is that of keys that no known step has computed.
	Age       [4]float64
	Untrained float64
	MeanAge   float64 // mean age in steps of the keys that a step has computed, weighted by g_ij
	Own       float64 // share of keys of the query's own image
	// Near is the share of other images whose key scores at least as high as the query's own key
	// does before the transformation: near-duplicates, or images that look alike to the network.
	Near  float64
	Class float64 // share of other images of the query's class; NaN without classes
}

// TracedQuery is a query of a batch and its heaviest negatives.
type TracedQuery struct {
	Image    int     // Unknown: it is not known
	Positive float64 // q'·k'
	Weight   float64 // share of the negatives in the softmax over all scores, 1 - p of the positive
	Heaviest []Heavy // the largest share first
}

// Heavy is a negative of a query.
type Heavy struct {
	Of     Origin  // of n_j
	Mixed  Origin  // of n_π(j); Unknown where nothing is mixed
	Lambda float64 // λ, the weight of n_j; 1 where nothing is mixed
	Score  float64 // q'·n'
	Share  float64 // of the pull of the query's negatives, g_ij / Σ_j g_ij
}

// Origin is where a row of a memory comes from; see OriginImage.
type Origin struct{ Image, Step, Crop int }

// HardestCounts are the numbers of negatives of Trace.Hardest.
var HardestCounts = [...]int{1, 10, 100, 1000}

// MaxTraced is the largest number of queries of a batch that are traced.
const MaxTraced = 256

// traced are negatives of n queries as a trace reads them, block by block.
type traced struct {
	count int                                               // K
	block int                                               // negatives of a block
	score func(first, count int) *torch.Tensor              // q'·n' [n, count]
	rows  func(first, count int) (own, mixed *torch.Tensor) // rows of origins, int64 [n or 1, count]; mixed may be nil
	at    func(at *torch.Tensor) (own, mixed *torch.Tensor) // the same for negatives at [n, T]
	λ     func(first, count int) *torch.Tensor              // weights of own, [n or 1, count]; or nothing is mixed
	table *torch.Tensor                                     // origins, int32 [M, 3]
}

// trace fills out.Trace for queries q' with keys k' [n, d], and the raw positive scores [n, 1]. The
// matrix of all scores is never kept: they are computed once for their sums and the largest, and
// again for the groups. Nothing waits for a device.
func (out *Output) trace(q, k, raw *torch.Tensor, s traced, o Options) {
	t := &Trace{}
	out.Trace = t
	torch.NoGrad(func() {
		torch.Scoped(func() {
			p := pulls{traced: s, o: o, n: q.Size(0), like: q}
			p.pos = q.Mul(k).SumDim([]int{1}, true)
			defer p.free()
			p.largest()
			p.heaviest(t)
			p.groups(t, raw)
		})
	})
}

// pulls computes the shares of one trace.
type pulls struct {
	traced
	o    Options
	n    int
	like *torch.Tensor
	pos  *torch.Tensor // q'·k' [n, 1]
	neg  *torch.Tensor // log Σ_j exp(q'·n'_j/τ) [n, 1]
	all  *torch.Tensor // the same with the positive
	best *torch.Tensor // the largest scores of each query, [n, T]
	rank *torch.Tensor // which negatives they are, int64 [n, T]
}

// blocks calls f for each block of negatives, in a scope of its own.
func (p *pulls) blocks(f func(first, count int)) {
	for first := 0; first < p.count; first += p.block {
		torch.Scoped(func() { f(first, min(p.block, p.count-first)) })
	}
}

// largest finds the sums of exponentials and the largest scores.
func (p *pulls) largest() {
	τ, most := p.o.Temperature, min(p.count, max(p.o.Trace.Top, HardestCounts[len(HardestCounts)-1]))
	keep := func(to **torch.Tensor, t *torch.Tensor) {
		(*to).Free()
		*to = t.Keep()
	}
	p.blocks(func(first, count int) {
		scores := p.score(first, count)
		sum := scores.DivScalar(τ).LogSumExp([]int{1}, true)
		at := torch.ArangeOn(count, scores.Device()).AddInt(int64(first)).Unsqueeze(0).Expand(p.n, count)
		if p.neg != nil {
			sum = torch.Cat([]*torch.Tensor{p.neg, sum}, 1).LogSumExp([]int{1}, true)
			scores = torch.Cat([]*torch.Tensor{p.best, scores}, 1)
			at = torch.Cat([]*torch.Tensor{p.rank, at}, 1)
		}
		values, places := scores.TopK(min(most, scores.Size(1)), 1)
		keep(&p.neg, sum)
		keep(&p.rank, at.Gather(1, places))
		keep(&p.best, values)
	})
	p.all = torch.Cat([]*torch.Tensor{p.pos.DivScalar(τ), p.neg}, 1).LogSumExp([]int{1}, true)
}

func (p *pulls) free() {
	for _, t := range []*torch.Tensor{p.neg, p.rank, p.best} {
		t.Free()
	}
}

// pull returns p_ij = τN g_ij of scores [n, c].
func (p *pulls) pull(scores *torch.Tensor) *torch.Tensor {
	return torch.Scoped1(func() *torch.Tensor {
		return scores.DivScalar(p.o.Temperature).Sub_(p.all).Exp_()
	})
}

// heaviest reads the queries with their heaviest negatives, and the shares of the hardest.
func (p *pulls) heaviest(t *Trace) {
	r, top := p.o.Readback, min(p.o.Trace.Top, p.best.Size(1))
	weight := p.neg.Sub(p.all).Exp()
	pulls := p.pull(p.best)
	total := weight.Sum()
	for i, count := range HardestCounts {
		sum := pulls.Narrow(1, 0, min(count, pulls.Size(1))).Sum().Div(total)
		r.Value(sum, func(v float64) { t.Hardest[i] = v })
	}
	t.Queries = make([]TracedQuery, p.n)
	for i := range t.Queries {
		t.Queries[i] = TracedQuery{Image: Unknown, Heaviest: make([]Heavy, top)}
	}
	each := func(v *torch.Tensor, use func(q *TracedQuery, v float64)) {
		r.Values(v, func(v []float64) {
			for i := range t.Queries {
				use(&t.Queries[i], v[i])
			}
		})
	}
	each(p.pos, func(q *TracedQuery, v float64) { q.Positive = v })
	each(weight, func(q *TracedQuery, v float64) { q.Weight = v })
	if images := p.o.Trace.Images; images != nil {
		each(images.Narrow(0, 0, p.n), func(q *TracedQuery, v float64) { q.Image = int(v) })
	}
	heavy := func(v *torch.Tensor, columns int, use func(h *Heavy, v []float64)) {
		r.Values(v, func(v []float64) {
			for i := range t.Queries {
				for j := range top {
					use(&t.Queries[i].Heaviest[j], v[(i*top+j)*columns:][:columns])
				}
			}
		})
	}
	at := p.rank.Narrow(1, 0, top).Contiguous()
	heavy(p.best.Narrow(1, 0, top), 1, func(h *Heavy, v []float64) { h.Score = v[0] })
	heavy(pulls.Narrow(1, 0, top).Div(weight), 1, func(h *Heavy, v []float64) { h.Share = v[0] })
	own, mixed := p.at(at)
	heavy(p.table.IndexSelect(0, own.View(-1)), OriginColumns, func(h *Heavy, v []float64) {
		h.Of, h.Mixed, h.Lambda = origin(v), Origin{Unknown, Unknown, Unknown}, 1
	})
	if mixed != nil {
		heavy(p.table.IndexSelect(0, mixed.View(-1)), OriginColumns, func(h *Heavy, v []float64) { h.Mixed = origin(v) })
		heavy(p.λ(0, p.count).Expand(p.n, p.count).Gather(1, at), 1, func(h *Heavy, v []float64) { h.Lambda = v[0] })
	}
}

func origin(v []float64) Origin {
	return Origin{Image: int(v[OriginImage]), Step: int(v[OriginStep]), Crop: int(v[OriginCrop])}
}
