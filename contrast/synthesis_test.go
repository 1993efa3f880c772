package contrast

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"testing"

	"gonum.org/v1/gonum/stat"

	"contralens/internal/numeric"
	"contralens/torch"
)

// The rows of a queue with the largest scores, block by block, are those of the whole matrix:
// with every transformation, with blocks of all sizes, also on a device.
func TestHardest(t *testing.T) {
	const n, k, d, top = 5, 37, 8, 6
	torch.TestDevices(t, func(t *testing.T, device torch.Device) {
		inRun(t, func() {
			for name, transform := range transforms() {
				stream := Stream{Seed: 7}
				draw := stream.Next(transform, n, k, d, device)
				draw.NormalizeNegative = name == "both, elementwise true"
				q, queue := unitRows(n, d, 1).ToDevice(device), QueueNegatives{Rows: unitRows(k, d, 3).ToDevice(device)}
				want := queue.hardestPlain(q, top, draw).Int64s()
				for _, block := range []int{1, 4, 6, 10, 36, 37, 100} {
					if got := queue.hardest(q, top, draw, block).Int64s(); !slices.Equal(got, want) {
						t.Errorf("%s, blocks of %d:\n got %v\nwant %v", name, block, got, want)
					}
				}
				if rows := queue.Hardest(q, 2*k, draw); rows.Size(1) != k {
					t.Errorf("%s: %d of %d rows", name, rows.Size(1), k)
				}
			}
		})
	})
}

// hardestByHand sorts the rows by their scores.
func hardestByHand(q []float64, rows [][]float64, top int) []int {
	order := make([]int, len(rows))
	for i := range order {
		order[i] = i
	}
	sort.Slice(order, func(a, b int) bool { return dot(q, rows[order[a]]) > dot(q, rows[order[b]]) })
	return order[:top]
}

// made returns the synthetic negatives of query i by their definition.
func made(s *synthetic, i int, q []float64, rows [][]float64) (all [][]float64) {
	for _, p := range s.parts {
		count := p.first.Size(1)
		at := func(t *torch.Tensor, j int) float64 { return t.Float64s()[i*count+j] }
		for j := range count {
			n := rows[int(at(p.first, j))]
			h := make([]float64, len(q))
			for c := range h {
				switch p.kind {
				case Interpolated:
					h[c] = at(p.weight, j)*q[c] + (1-at(p.weight, j))*n[c]
				case Extrapolated:
					h[c] = q[c] + at(p.weight, j)*(n[c]-q[c])
				case Paired:
					h[c] = at(p.weight, j)*n[c] + (1-at(p.weight, j))*rows[int(at(p.second, j))][c]
				case Noisy:
					h[c] = n[c] + 0.01*p.noise.Float64s()[(i*count+j)*len(q)+c]
				case Perturbed:
					h[c] = n[c] + 0.01*q[c]
				case Adversarial:
					h[c] = n[c] + 0.01*math.Copysign(1, q[c])
				}
			}
			length := math.Sqrt(dot(h, h))
			for c := range h {
				h[c] /= length
			}
			all = append(all, h)
		}
	}
	return all
}

// InfoNCE and all relatives with synthetic negatives equal their definition, by all paths and with the
// feature transformation: loss and gradient, in which synthetic negatives are constant.
func TestSynthesisDefinition(t *testing.T) {
	const n, k, d, τ = 3, 11, 6, 0.3
	for kinds, synthesis := range map[string]Synthesis{
		"MoCHi": {From: 4, Counts: [Kinds]int{Paired: 5, Interpolated: 3}},
		"SynCo": {From: 5, Counts: [Kinds]int{2, 2, 2, 1, 1, 1}},
	} {
		for name, r := range relatives() {
			for side, transform := range transforms() {
				for path, contrast := range map[string]contrastFunc{"plain": InfoNCEPlain, "fused": InfoNCE, "on a device": onDevice} {
					t.Run(fmt.Sprintf("%s/%s/%s/%s", kinds, name, side, path), func(t *testing.T) {
						inRun(t, func() {
							stream := Stream{Seed: 7}
							draw := stream.Next(transform, n, k, d, torch.CPU)
							dtype, tolerance := torch.Float64, 1e-10
							if path == "fused" {
								dtype, tolerance = torch.Float32, 1e-4
							} else {
								draw = draw.inFloat64()
							}
							q, key := unitRows(n, d, 1).To(dtype).SetRequiresGrad(true), unitRows(n, d, 2).To(dtype)
							queue := QueueNegatives{Rows: unitRows(k, d, 3).To(dtype)}
							o := Options{Temperature: τ, Synthesis: &synthesis, Seed: 9}
							if name != "InfoNCE" {
								o.Loss = r.loss
							}
							out := contrast(q, key, queue, draw, o)
							out.Loss.Backward()

							λ, keys, stored := plainly(draw, d, k), rows(key), rows(queue.Rows)
							var mixedRows [][]float64
							for j := range stored {
								mixedRows = append(mixedRows, mixed(λ.negative, j, stored[j], stored[λ.permutation[j]]))
							}
							query := func(x [][]float64, i int) []float64 { return mixed(λ.positive, i, x[i], keys[i]) }
							x := rows(q)
							q1, _ := draw.positives(q.Detach(), key)
							drawn := synthesis.synthesize(q1, queue.Hardest(q1, synthesis.From, draw), queue, draw, 9)
							var added [][][]float64
							for i := range x {
								hardest := hardestByHand(query(x, i), mixedRows, synthesis.From)
								for _, p := range drawn.parts {
									for _, row := range p.first.Narrow(0, i, 1).Contiguous().Int64s() {
										if !slices.Contains(hardest, int(row)) {
											t.Errorf("query %d: row %d is not among the hardest, %v", i, row, hardest)
										}
									}
								}
								added = append(added, made(drawn, i, query(x, i), mixedRows))
							}
							scores := func(x [][]float64) (pos []float64, neg [][]float64) {
								for i := range x {
									pos = append(pos, dot(query(x, i), mixed(λ.positive, i, keys[i], x[i])))
									var of []float64
									for _, h := range slices.Concat(mixedRows, added[i]) {
										of = append(of, dot(query(x, i), h))
									}
									neg = append(neg, of)
								}
								return pos, neg
							}
							frozen, frozenNeg := scores(clone(x))
							want, slopes := withSlopes(x, func(x [][]float64) float64 {
								pos, neg := scores(x)
								return meanOf(r.definition(pos, frozen, neg, frozenNeg, τ))
							})
							numeric.Near(t, "loss", out.Loss.Item(), want, tolerance*max(1, math.Abs(want)))
							numeric.AllNear(t, "gradient", q.Grad().Float64s(), slopes, max(tolerance, 1e-7)*numeric.Largest(slopes))
							expectChance(t, r.loss, out, k+synthesis.Len())
						})
					})
				}
			}
		}
	}
}

// α, β and γ are uniform between the bounds of the papers, ε is normal, and every one of the hardest is as
// likely as the others, also as the second of a pair.
func TestSynthesisDraws(t *testing.T) {
	inRun(t, func() {
		const n, k, d, from, count = 20, 30, 8, 5, 1000
		s := Synthesis{From: from, Counts: [Kinds]int{count, count, count, count, count, count}}
		q, queue := unitRows(n, d, 1), QueueNegatives{Rows: unitRows(k, d, 3)}
		hardest := queue.Hardest(q, from, Draw{})
		drawn := s.synthesize(q, hardest, queue, Draw{}, 3)
		if len(drawn.parts) != Kinds {
			t.Fatalf("%d kinds, want %d", len(drawn.parts), Kinds)
		}
		bounds := map[int][2]float64{Interpolated: {0, 0.5}, Extrapolated: {1, 1.5}, Paired: {0, 1}}
		for _, p := range drawn.parts {
			if b, has := bounds[p.kind]; has != (p.weight != nil) {
				t.Errorf("kind %d: weights %v, want %v", p.kind, p.weight != nil, has)
			} else if has {
				w, width := p.weight.Float64s(), b[1]-b[0]
				deviation := stat.StdDev(w, nil)
				// Of 20,000 draws the extremes are within a thousandth of the bounds.
				if low, high := slices.Min(w), slices.Max(w); low < b[0] || low > b[0]+width/1000 || high > b[1] || high < b[1]-width/1000 {
					t.Errorf("kind %d: weights from %v to %v, want %v", p.kind, low, high, b)
				}
				numeric.Near(t, fmt.Sprint("mean of kind ", p.kind), average(w), (b[0]+b[1])/2, width/100)
				numeric.Near(t, fmt.Sprint("deviation of kind ", p.kind), deviation, width/math.Sqrt(12), width/100)
			}
			if p.kind == Noisy {
				ε := p.noise.Float64s()
				numeric.Near(t, "mean of ε", average(ε), 0, 0.02)
				numeric.Near(t, "variance of ε", stat.Variance(ε, nil), 1, 0.02)
			}
			for name, of := range map[string]*torch.Tensor{"first": p.first, "second": p.second} {
				if of == nil {
					continue
				}
				times := map[int64]int{}
				for i, row := range of.Int64s() {
					if i < count { // of the first query
						times[row]++
					}
				}
				for _, row := range hardest.Int64s()[:from] {
					if c := times[row]; c < count/from-70 || c > count/from+70 { // 5 deviations
						t.Errorf("kind %d: %s is row %d %d times of %d", p.kind, name, row, c, count)
					}
				}
			}
			if p.kind == Paired && slices.Equal(p.first.Int64s(), p.second.Int64s()) {
				t.Error("pairs are of the same rows")
			}
		}
	})
}

// Synthetic negatives of many queries are made in several blocks, and are the same as at once.
func TestSynthesisInBlocks(t *testing.T) {
	inRun(t, func() {
		const n, k, d = 5, 20, 2048
		s := Synthesis{From: 8, Counts: [Kinds]int{Paired: 300, Noisy: 100}}
		if n*s.Len()*d <= blockElements {
			t.Fatal("one block is enough")
		}
		q, queue := unitRows(n, d, 1), QueueNegatives{Rows: unitRows(k, d, 3)}
		made := s.synthesize(q, queue.Hardest(q, s.From, Draw{}), queue, Draw{}, 3)
		whole := made.rows(0, n)
		numeric.AllNear(t, "scores", made.scores().Float64s(), whole.Bmm(q.Unsqueeze(2)).Squeeze(2).Float64s(), 1e-5)
		g := unitRows(n, s.Len(), 4)
		numeric.AllNear(t, "gradient", made.gradient(g).Float64s(), g.Unsqueeze(1).Bmm(whole).Squeeze(1).Float64s(), 1e-5)
	})
}
