package contrast

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"

	"contralens/internal/numeric"
	"contralens/torch"
)

// tracedCase is one kind of negatives, with what the definition of a trace needs of it.
type tracedCase struct {
	run    func(u, v *torch.Tensor, draw Draw, o Options) *Output
	logits func(u, v *torch.Tensor, draw Draw, o Options) *torch.Tensor // [N or 2N, 1+…]; -∞ is left out
	row    func(query, i int) int                                       // row of the origins of the i-th negative
	n, k   int                                                          // of the draw
	table  []int64
}

// TestTraceEqualsAutograd: shares of single negatives and of all groups are those of the gradient
// that autograd finds for each score, for each kind of negatives and transformation, in float64.
func TestTraceEqualsAutograd(t *testing.T) {
	const n, k, d, images, τ, step = 6, 40, 8, 11, 0.2, 9
	for _, kind := range []string{"queue", "bank", "batch"} {
		for name, transform := range transforms() {
			t.Run(kind+"/"+name, func(t *testing.T) {
				inRun(t, func() {
					c := tracedNegatives(kind, n, k, d, images)
					stream := Stream{Seed: 7}
					draw := stream.Next(transform, c.n, c.k, d, torch.CPU).inFloat64()
					u, v := unitRows(n, d, 1).To(torch.Float64), unitRows(n, d, 2).To(torch.Float64)
					v = v.MulScalar(0.5).Add(u).Normalize(1) // views of an image are alike
					queries := []int64{3, 0, 1, 2, 10, 5}
					labels := []int64{0, 1, 0, 1, -1, 0, 2, 2, 1, 0, -1}
					tracing := &Tracing{Top: 5, Step: step, Images: torch.FromInt64(queries, n).To(torch.Int32),
						Labels: torch.FromInt64(labels, images).To(torch.Int32),
						Batch:  torch.FromInt64(c.table, len(c.table)/OriginColumns, OriginColumns).To(torch.Int32)}
					o := Options{Temperature: τ, Trace: tracing}
					run := func(byOperators bool, r *torch.Readback) *Trace {
						o := o
						o.byOperators, o.Readback = byOperators, r
						return c.run(u.Clone().SetRequiresGrad(true), v, draw, o).Trace
					}
					logits := c.logits(u, v, draw, Options{Temperature: τ}).Narrow(0, 0, n).Detach().SetRequiresGrad(true)
					logits.CrossEntropy(torch.Zeros([]int{n}, torch.Options{Dtype: torch.Int64})).Backward()
					want := tracedByHand(c, draw, logits, u.Mul(v).SumDim([]int{1}, false).Float64s(), queries, labels, tracing)
					got := run(kind != "bank", nil) // a bank on the host draws without operators
					sameTrace(t, got, want)
					r := torch.NewReadback(torch.CPU).Defer()
					late := run(true, r)
					r.Wait()
					sameTrace(t, late, want)
				})
			})
		}
	}
}

// tracedNegatives makes a case. Some origins are unknown, and some keys are of queries' images.
func tracedNegatives(kind string, n, k, d, images int) tracedCase {
	rows := k
	switch kind {
	case "bank":
		rows = images
	case "batch":
		rows = 2 * n
	}
	c := tracedCase{n: n, k: k, row: func(_, i int) int { return i }}
	for row := range rows {
		image, step := int64(row*7%images), int64(row%8)
		if kind == "bank" {
			image = int64(row)
		}
		if row%5 == 4 {
			step = Unknown
			if kind != "bank" {
				image = Unknown
			}
		}
		c.table = append(c.table, image, step, int64(row%2))
	}
	origins := torch.FromInt64(c.table, rows, OriginColumns).To(torch.Int32)
	keys := unitRows(rows, d, 3).To(torch.Float64)
	switch kind {
	case "queue":
		negatives := QueueNegatives{Rows: keys, Origins: origins}
		c.run = func(u, v *torch.Tensor, draw Draw, o Options) *Output { return InfoNCE(u, v, negatives, draw, o) }
		c.logits = func(u, v *torch.Tensor, draw Draw, o Options) *torch.Tensor {
			return InfoNCEPlain(u, v, negatives, draw, o).Logits
		}
	case "bank":
		bank := &MemoryBank{Rows: keys, Origins: origins}
		drawn := bank.Draw(k, 5, 6)
		c.row = func(query, i int) int { return int(drawn.At(query, i)) }
		c.run = func(u, v *torch.Tensor, draw Draw, o Options) *Output {
			of := drawn
			if !o.byOperators {
				of.Indices = nil
			}
			o.byOperators = false
			return InfoNCE(u, v, of, draw, o)
		}
		c.logits = func(u, v *torch.Tensor, draw Draw, o Options) *torch.Tensor {
			return InfoNCEPlain(u, v, drawn, draw, o).Logits
		}
	case "batch":
		c.n, c.k = 2*n, 2*n
		c.run = NTXent
		c.logits = func(u, v *torch.Tensor, draw Draw, o Options) *torch.Tensor { return NTXentPlain(u, v, draw, o).Logits }
	}
	return c
}

// tracedByHand computes a trace from the gradient of the logits, element by element.
func tracedByHand(
	c tracedCase, draw Draw, logits *torch.Tensor, raw []float64, queries, labels []int64, tr *Tracing,
) *Trace {
	n, columns := logits.Size(0), logits.Size(1)
	slope, score := logits.Grad().Float64s(), logits.Float64s()
	t := &Trace{}
	newest, oldest := int64(-1), int64(math.MaxInt64)
	for row := range len(c.table) / OriginColumns {
		if s := c.table[row*OriginColumns+OriginStep]; s >= 0 {
			newest, oldest = max(newest, s), min(oldest, s)
		}
	}
	var partner []int
	var π []int64
	if draw.Negative != nil {
		if π = draw.Permutation.Int64s(); c.run != nil && columns-1 == len(c.table)/OriginColumns && c.n == columns-1 {
			partner = newCircle(draw.Permutation, c.n/2).partners()
		}
	}
	total, aged := 0.0, 0.0
	for i := range n {
		q := TracedQuery{Image: int(queries[i]), Positive: score[i*columns] * 0.2}
		of := 0.0
		var all []Heavy
		for j := 1; j < columns; j++ {
			g := math.Abs(slope[i*columns+j]) * float64(n)
			if math.IsInf(score[i*columns+j], -1) {
				continue
			}
			of += g
			h := Heavy{Lambda: 1, Mixed: Origin{-1, -1, -1}, Score: score[i*columns+j] * 0.2, Share: g}
			rows, weights := []int{c.row(i, j-1)}, []float64{1}
			if λ := draw.Negative; λ != nil {
				h.Lambda = λ.Value
				if λ.Elements != nil {
					h.Lambda = average(λ.Elements.Select(0, j-1).Float64s())
				}
				other := 0
				if partner != nil {
					half := c.n / 2
					other = partner[(j-1)%half] + (j-1)/half*half
				} else {
					other = c.row(i, int(π[j-1]))
				}
				rows, weights = append(rows, other), []float64{h.Lambda, 1 - h.Lambda}
			}
			for at, row := range rows {
				o := c.table[row*OriginColumns:]
				origin := Origin{int(o[0]), int(o[1]), int(o[2])}
				if at == 0 {
					h.Of = origin
				} else {
					h.Mixed = origin
				}
				part := g * weights[at]
				total += part
				if origin.Step < 0 {
					t.Untrained += part
				} else {
					t.Age[(newest-o[1])*4/(newest-oldest+1)] += part
					aged += part * float64(tr.Step-origin.Step)
				}
				own := origin.Image == q.Image
				if own {
					t.Own += part
				}
				if !own && h.Score >= raw[i] {
					t.Near += part
				}
				if !own && origin.Image >= 0 && labels[origin.Image] >= 0 && labels[origin.Image] == labels[q.Image] {
					t.Class += part
				}
			}
			all = append(all, h)
		}
		slices.SortStableFunc(all, func(a, b Heavy) int { return cmp.Compare(b.Share, a.Share) })
		for at, h := range all {
			for i, count := range HardestCounts {
				if at < count {
					t.Hardest[i] += h.Share
				}
			}
		}
		for at := range all {
			all[at].Share /= of
		}
		q.Weight, q.Heaviest = of, all[:tr.Top]
		t.Queries = append(t.Queries, q)
	}
	t.MeanAge = aged / (total - t.Untrained)
	for _, v := range []*float64{&t.Untrained, &t.Own, &t.Near, &t.Class, &t.Age[0], &t.Age[1], &t.Age[2], &t.Age[3],
		&t.Hardest[0], &t.Hardest[1], &t.Hardest[2], &t.Hardest[3]} {
		*v /= total
	}
	return t
}

func sameTrace(t *testing.T, got, want *Trace) {
	t.Helper()
	near := func(what string, got, want float64) {
		t.Helper()
		numeric.Near(t, what, got, want, 1e-9*max(1, math.Abs(want)))
	}
	near("own", got.Own, want.Own)
	near("near", got.Near, want.Near)
	near("class", got.Class, want.Class)
	near("untrained", got.Untrained, want.Untrained)
	near("mean age", got.MeanAge, want.MeanAge)
	for i := range want.Age {
		near(fmt.Sprint("age ", i), got.Age[i], want.Age[i])
		near(fmt.Sprint("hardest ", HardestCounts[i]), got.Hardest[i], want.Hardest[i])
	}
	if len(got.Queries) != len(want.Queries) {
		t.Fatalf("%d queries, want %d", len(got.Queries), len(want.Queries))
	}
	for i, w := range want.Queries {
		g := got.Queries[i]
		near("positive", g.Positive, w.Positive)
		near("weight", g.Weight, w.Weight)
		if g.Image != w.Image || len(g.Heaviest) != len(w.Heaviest) {
			t.Fatalf("query %d: image %d with %d negatives, want %d with %d", i, g.Image, len(g.Heaviest), w.Image, len(w.Heaviest))
		}
		for j, h := range w.Heaviest {
			near("share", g.Heaviest[j].Share, h.Share)
			near("score", g.Heaviest[j].Score, h.Score)
			alone := j+1 == len(w.Heaviest) || h.Share-w.Heaviest[j+1].Share > 1e-9
			if j > 0 {
				alone = alone && w.Heaviest[j-1].Share-h.Share > 1e-9
			}
			if !alone { // drawn twice, or a tie
				continue
			}
			near("λ", g.Heaviest[j].Lambda, h.Lambda)
			if g.Heaviest[j].Of != h.Of || g.Heaviest[j].Mixed != h.Mixed {
				t.Errorf("query %d, negative %d: %v and %v, want %v and %v", i, j, g.Heaviest[j].Of, g.Heaviest[j].Mixed, h.Of, h.Mixed)
			}
		}
	}
}

// Without images and origins everything about them is unknown, and nothing is made up.
func TestTraceOfUnknown(t *testing.T) {
	inRun(t, func() {
		u, v := unitRows(4, 8, 1).SetRequiresGrad(true), unitRows(4, 8, 2)
		o := Options{Temperature: 0.2, Trace: &Tracing{Top: 3}}
		for name, out := range map[string]*Output{
			"queue": InfoNCE(u, v, QueueNegatives{Rows: unitRows(9, 8, 3)}, Draw{}, o), "batch": NTXent(u, v, Draw{}, o),
		} {
			tr := out.Trace
			if tr.Untrained != 1 || !math.IsNaN(tr.Own) || !math.IsNaN(tr.Class) || !math.IsNaN(tr.MeanAge) {
				t.Errorf("%s: untrained %v, own %v, class %v, age %v", name, tr.Untrained, tr.Own, tr.Class, tr.MeanAge)
			}
			for _, q := range tr.Queries {
				if q.Image != Unknown || q.Heaviest[0].Of != (Origin{-1, -1, -1}) {
					t.Errorf("%s: image %d, negative %v", name, q.Image, q.Heaviest[0].Of)
				}
			}
		}
	})
}

// A trace in blocks is that of all negatives at once, at a size of several blocks.
func TestTraceBlocks(t *testing.T) {
	inRun(t, func() {
		const n, k, d = 3, 2*hardestBlock + 100, 4
		q, key := unitRows(n, d, 1).To(torch.Float64), unitRows(n, d, 2).To(torch.Float64)
		s := QueueNegatives{Rows: unitRows(k, d, 3).To(torch.Float64)}
		images := make([]int64, k)
		for i := range images {
			images[i] = int64(i % 50)
		}
		s.Origins = Origins(images, k, 4, 1, torch.CPU)
		o := Options{Temperature: 0.1, Trace: &Tracing{Top: 5, Step: 6, Images: torch.FromInt64([]int64{1, 2, 3}, n).To(torch.Int32)}}
		raw := q.Mul(key).SumDim([]int{1}, true)
		var traces []*Trace
		for _, block := range []int{hardestBlock, k} {
			out, source := &Output{}, s.traced(q, Draw{})
			source.block = block
			out.trace(q, key, raw, source, o)
			out.Trace.Class = 0
			traces = append(traces, out.Trace)
		}
		sameTrace(t, traces[0], traces[1])
		if own := traces[0].Own; own < 0.001 || own > 0.5 {
			t.Errorf("the own images have a share of %v", own)
		}
	})
}
