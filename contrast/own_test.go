package contrast

import (
	"fmt"
	"math"
	"testing"

	"contralens/internal/numeric"
	"contralens/torch"
)

// TestOwnImages: with Own, the loss, its gradient and the trace are those without the negatives of the
// query's own image, by the definition in float64, for queues and banks, each transformation and a relative.
func TestOwnImages(t *testing.T) {
	const n, k, d, images, τ = 6, 40, 8, 11, 0.2
	queries := []int64{3, 0, 1, 2, 10, 5}
	for _, kind := range []string{"queue", "bank"} {
		for name, transform := range transforms() {
			for _, loss := range []Loss{nil, DCL{}} {
				t.Run(fmt.Sprintf("%s/%s/%T", kind, name, loss), func(t *testing.T) {
					inRun(t, func() {
						c := tracedNegatives(kind, n, k, d, images)
						stream := Stream{Seed: 7}
						draw := stream.Next(transform, n, k, d, torch.CPU).inFloat64()
						q := unitRows(n, d, 1).To(torch.Float64)
						key := unitRows(n, d, 2).To(torch.Float64).MulScalar(0.5).Add(q).Normalize(1)
						own := torch.FromInt64(queries, n).To(torch.Int32)
						o := Options{Temperature: τ, Loss: loss, Own: own}

						// The definition: each query's softmax over what is left.
						left := q.Clone().SetRequiresGrad(true)
						q1, k1 := draw.positives(left, key)
						logits := c.logits(q, key, draw, Options{Temperature: τ}) // for the number of negatives alone
						var all []*torch.Tensor
						out := 0
						for i := range n {
							row := []*torch.Tensor{q1.Narrow(0, i, 1).Mul(k1.Narrow(0, i, 1)).Sum().View(1).DivScalar(τ)}
							for j := range logits.Size(1) - 1 {
								rows := []int{c.row(i, j)}
								if draw.Negative != nil {
									rows = append(rows, c.row(i, int(draw.Permutation.Int64s()[j])))
								}
								is := false
								for _, r := range rows {
									is = is || c.table[r*OriginColumns] == queries[i]
								}
								if is {
									out++
									continue
								}
								n1 := c.keys.Narrow(0, rows[0], 1)
								if λ := draw.Negative; λ != nil {
									of := *λ
									if of.Elements != nil {
										of.Elements = of.Elements.Narrow(0, j, 1)
									}
									n1 = of.mix(n1, c.keys.Narrow(0, rows[1], 1))
								}
								row = append(row, q1.Narrow(0, i, 1).Mul(n1).Sum().View(1).DivScalar(τ))
							}
							scores := torch.Cat(row, 0)
							sum := scores
							if loss != nil {
								sum = scores.Narrow(0, 1, scores.Size(0)-1)
							}
							all = append(all, sum.LogSumExp([]int{0}, false).Sub(row[0]).View(1))
						}
						if out == 0 {
							t.Fatal("no negative is of its query's image")
						}
						want := torch.Cat(all, 0).Mean()
						want.Backward()
						for what, path := range map[string]func(u, v *torch.Tensor, draw Draw, o Options) *Output{"plain": c.plain, "fast": c.run} {
							o := o
							o.byOperators = true
							if what == "fast" {
								o.Trace = &Tracing{Top: 3, Images: own}
							}
							u := q.Clone().SetRequiresGrad(true)
							got := path(u, key, draw, o)
							got.Loss.Backward()
							numeric.Near(t, what+": loss", got.Loss.Item(), want.Item(), 1e-9)
							numeric.AllNear(t, what+": gradient", u.Grad().Float64s(), left.Grad().Float64s(), 1e-9)
							if tr := got.Trace; what == "fast" && (tr.Own != 0 || math.Abs(tr.Hardest[3]-1) > 1e-9) {
								t.Errorf("the trace has a share of %v of own images, %v of all", tr.Own, tr.Hardest[3])
							}
						}
					})
				})
			}
		}
	}
}

// On the CPU a queue is read in one pass; with Own it is not, and where no key is the query's own, both
// give the same.
func TestOwnImagesWithoutAny(t *testing.T) {
	inRun(t, func() {
		const n, k, d = 5, 70, 8
		q, key := unitRows(n, d, 1), unitRows(n, d, 2)
		s := QueueNegatives{Rows: unitRows(k, d, 3), Origins: unknown(k, torch.CPU)}
		o := Options{Temperature: 0.1, Bound: 1}
		plain := InfoNCE(q.Clone().SetRequiresGrad(true), key, s, Draw{}, o)
		o.Own = torch.ArangeOn(n, torch.CPU).To(torch.Int32)
		masked := InfoNCE(q.Clone().SetRequiresGrad(true), key, s, Draw{}, o)
		numeric.Near(t, "loss", masked.Value, plain.Value, 1e-5)
		numeric.Near(t, "entropy", masked.Statistics.Entropy, plain.Statistics.Entropy, 1e-5)
		s.Origins = Origins([]int64{0, 1, 2, 3, 4}, n, 1, 1, torch.CPU)
		s.Rows = unitRows(n, d, 3)
		masked = InfoNCE(q.Clone().SetRequiresGrad(true), key, s, Draw{}, o)
		if masked.Value >= InfoNCE(q.Clone().SetRequiresGrad(true), key, s, Draw{}, Options{Temperature: 0.1}).Value {
			t.Error("fewer negatives do not make the loss smaller")
		}
		if got := masked.Statistics; math.IsNaN(got.Entropy) || got.Seen.NegVar > 1 || math.Abs(got.Seen.NegMean) > 1 {
			t.Errorf("statistics %+v", got)
		}
	})
}
