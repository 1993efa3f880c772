package contrast

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"contralens/contrast/ft"
	"contralens/internal/golden"
	"contralens/internal/numeric"
	"contralens/torch"
)

type bankParams struct {
	K    int
	T, M float64
}

// drawnBy returns the negatives that a golden case drew: all columns but the first.
func drawnBy(c *golden.Case, name string, bank *torch.Tensor) SampledNegatives {
	a := c.Array(name)
	return SampledNegatives{Bank: bank, Count: a.Shape[1] - 1, At: func(query, i int) int64 { return a.I64[query*a.Shape[1]+i+1] }}
}

// TestBankGolden compares logits, gradient and bank with every golden case: images and
// jigsaws, one bank or two crossed ones.
func TestBankGolden(t *testing.T) {
	for _, name := range golden.Cases(t, "bank") {
		c := golden.Load(t, "bank", name)
		if !c.Has("idx_drawn") {
			t.Logf("%s: tables of the alias sampler; uniform drawing needs none", name)
			continue
		}
		var p bankParams
		c.Decode(c.Params, &p)
		for path, contrast := range paths {
			t.Run(name+"/"+path, func(t *testing.T) { inRun(t, func() { checkBank(t, c, p, contrast) }) })
		}
	}
}

func checkBank(t *testing.T, c *golden.Case, p bankParams, contrast contrastFunc) {
	images := tensor(c, "y")
	// Queries of modality 1 are compared with the bank of 2, and vice versa.
	branches := []struct{ own, other string }{{"", ""}}
	if c.Has("memory1_before") {
		branches = []struct{ own, other string }{{"1", "2"}, {"2", "1"}}
	}
	banks := map[string]*MemoryBank{}
	for _, b := range branches {
		banks[b.own] = &MemoryBank{Rows: tensor(c, "memory"+b.own+"_before")}
	}
	for _, b := range branches {
		bank := banks[b.other]
		for query, logits := range map[string]string{"x" + b.own: "logits" + b.own, "x" + b.own + "_jig": "logits" + b.own + "_jig"} {
			if !c.Has(query) {
				continue
			}
			x := tensor(c, query).SetRequiresGrad(true)
			out := contrast(x, bank.Keys(images), drawnBy(c, "idx_drawn", bank.Rows), Draw{}, Options{Temperature: p.T})
			want, shape := c.F32(logits)
			if out.Logits != nil {
				golden.Near(t, logits, out.Logits.Float32s(), want, 4e-6)
			}
			loss := crossEntropy(want, shape[1])
			numeric.Near(t, logits+": loss", out.Value, loss, 1e-5*loss)
			out.Loss.Backward()
			if query == "x" && c.Has("grad_x") {
				grad, _ := c.F32("grad_x")
				golden.Near(t, "grad_x", x.Grad().Float32s(), grad, 4e-6)
			}
		}
	}
	for _, b := range branches {
		banks[b.own].Update(images, tensor(c, "x"+b.own), p.M)
		want, _ := c.F32("memory" + b.own + "_after")
		golden.Near(t, "memory "+b.own, banks[b.own].Rows.Float32s(), want, 1e-6)
	}
}

// crossEntropy is the mean loss of rows of logits whose first column is right.
func crossEntropy(logits []float32, columns int) float64 {
	loss := 0.0
	for row := 0; row < len(logits); row += columns {
		sum := 0.0
		for _, v := range logits[row : row+columns] {
			sum += math.Exp(float64(v - logits[row]))
		}
		loss += math.Log(sum) / float64(len(logits)/columns)
	}
	return loss
}

// With sampled negatives, the path in blocks equals the plain one, over several blocks of
// queries and of rows.
func TestDrawnEqualsPlain(t *testing.T) {
	elementwise := ft.Paper()
	elementwise.Positive.Elementwise, elementwise.Negative.Elementwise = true, true
	for _, tc := range []struct {
		name       string
		n, m, k, d int
		t          ft.Transform
		o          Options
	}{
		{"plain", 5, 50, 33, 8, ft.Transform{}, Options{}},
		{"paper", 5, 50, 33, 8, ft.Paper(), Options{}},
		{"elementwise", 5, 50, 33, 8, elementwise, Options{}},
		{"normalized", 5, 50, 33, 8, normalized(elementwise, true, true), Options{}},
		{"normalized scalar", 1, 50, 33, 8, normalized(ft.Paper(), false, true), Options{}},
		{"blocks of queries", 7, 60, 3000, 256, elementwise, Options{}},
		{"blocks of rows", 2, 60, 9000, 512, ft.Paper(), Options{}},
		{"elementwise blocks of rows", 2, 60, 1100, 2048, elementwise, Options{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inRun(t, func() {
				bank := &MemoryBank{Rows: unitRows(tc.m, tc.d, 3)}
				negatives := bank.Draw(tc.k, 1, 2)
				k := unitRows(tc.n, tc.d, 2)
				o := tc.o
				o.Temperature, o.Scores = 0.1, true
				stream := Stream{Seed: 7}
				draw := stream.Next(tc.t, tc.n, tc.k, tc.d, torch.CPU)
				qa, qb := unitRows(tc.n, tc.d, 1).SetRequiresGrad(true), unitRows(tc.n, tc.d, 1).SetRequiresGrad(true)
				plain, fused := InfoNCEPlain(qa, k, negatives, draw, o), InfoNCE(qb, k, negatives, draw, o)
				plain.Loss.Backward()
				fused.Loss.Backward()
				numeric.Near(t, "loss", fused.Value, plain.Value, 2*lossRounding(draw, tc.d, tc.k, o.Temperature))
				golden.Near(t, "gradient", qb.Grad().Float32s(), qa.Grad().Float32s(), 5e-6)
				golden.Near(t, "scores", fused.Scores, plain.Scores, 2e-5)
				o.Bound = 2
				watched := InfoNCE(qb, k, negatives, draw, o)
				numeric.Near(t, "loss with statistics", watched.Value, fused.Value, 1e-6)
				if watched.Statistics == nil {
					t.Error("no statistics")
				}
			})
		})
	}
}

// Negatives are drawn uniformly, anew in every step, and the same for the same seed.
func TestBankDraw(t *testing.T) {
	inRun(t, func() {
		const m, n, k = 50, 64, 1000
		bank := &MemoryBank{Rows: unitRows(m, 4, 3)}
		a, again, later := bank.Draw(k, 1, 2), bank.Draw(k, 1, 2), bank.Draw(k, 1, 3)
		counts, same := make([]float64, m), 0
		for i := range n {
			for j := range k {
				counts[a.At(i, j)]++
				if a.At(i, j) != again.At(i, j) {
					t.Fatal("the same seed and step draw something else")
				}
				if a.At(i, j) == later.At(i, j) {
					same++
				}
			}
		}
		chi2, want := 0.0, float64(n*k)/m
		for _, c := range counts {
			chi2 += (c - want) * (c - want) / want
		}
		if chi2 > 98 { // of 49 degrees of freedom, at five standard deviations
			t.Errorf("χ² %.1f for %d rows", chi2, m)
		}
		if share := float64(same) / (n * k); math.Abs(share-1./m) > 0.01 {
			t.Errorf("%.3f of the next step's draws are the same, want %.3f", share, 1./m)
		}
	})
}

// Operators draw the rows that the host draws.
func TestBankDrawByOperators(t *testing.T) {
	inRun(t, func() {
		const n, k = 3, 40
		queries, i := torch.Arange(n).AddInt(70000).Unsqueeze(1), torch.Arange(k).AddInt(65000).Unsqueeze(0)
		for _, m := range []uint64{1, 7, 50000, 1281167, 1<<31 - 1, 1<<32 - 1} {
			for _, base := range []uint64{0, mix(5), mix(6) | 1<<63} {
				at, indices := sampler(base, m)
				for j, got := range indices(queries, i).Int64s() {
					if want := at(70000+j/k, 65000+j%k); got != want {
						t.Fatalf("%d rows: operators draw %d, the host %d", m, got, want)
					}
				}
			}
		}
	})
}

// The contrast with rows that are drawn by operators is the same to the last bit.
func TestBankByOperators(t *testing.T) {
	for name, transform := range transforms() {
		t.Run(name, func(t *testing.T) {
			inRun(t, func() {
				const n, m, k, d = 5, 60, 30, 8
				bank, stream := &MemoryBank{Rows: unitRows(m, d, 3)}, Stream{Seed: 1}
				draw := stream.Next(transform, n, k, d, torch.CPU)
				run := func(byOperators bool) (float64, []float32) {
					q, negatives := unitRows(n, d, 1).SetRequiresGrad(true), bank.Draw(k, 1, 2)
					negatives.byOperators = byOperators
					out := InfoNCE(q, unitRows(n, d, 2), negatives, draw, Options{Temperature: 0.2})
					out.Loss.Backward()
					return out.Value, q.Grad().Float32s()
				}
				loss, gradient := run(false)
				if l, g := run(true); l != loss || !slices.Equal(g, gradient) {
					t.Errorf("loss %v, want %v; equal gradients: %v", l, loss, slices.Equal(g, gradient))
				}
			})
		})
	}
}

// Rows drawn by operators are the same for blocks of many queries, in several groups.
func TestBankByOperatorsInGroups(t *testing.T) {
	inRun(t, func() {
		const n, m, k, d = 3, 60, drawnIndices/2 - 1, 1
		bank := &MemoryBank{Rows: unitRows(m, d, 3)}
		for _, byOperators := range []bool{false, true} {
			negatives := bank.Draw(k, 1, 2)
			negatives.byOperators = byOperators
			queries, sum := 0, 0
			negatives.blocks(n, func(b block) {
				rows := negatives.indices(b, false).View(b.queries, b.count)
				if b.first == 0 {
					queries += b.queries
				}
				for q := range b.queries {
					for _, i := range []int{0, b.count - 1} {
						got := rows.Narrow(0, q, 1).Narrow(1, i, 1).Int64s()[0]
						if want := negatives.At(b.query+q, b.first+i); got != want {
							t.Errorf("by operators: %v, query %d, negative %d: got %d, want %d", byOperators, b.query+q, b.first+i, got, want)
						}
						sum++
					}
				}
			})
			if queries != n || sum != 2*n {
				t.Errorf("by operators: %v: %d queries, %v rows compared", byOperators, queries, sum)
			}
		}
	})
}

// At the size of a training on ImageNet (batch 256, K = 65,536, d = 128; the bank may be
// smaller, nothing else depends on it), a step needs less than 256 MB besides the bank,
// even if λ is elementwise and statistics are recorded. All sampled rows would take 8.6 GB.
func TestDrawnMemory(t *testing.T) {
	const n, m, k, d = 256, 5000, 65536, 128
	elementwise := ft.Paper()
	elementwise.Positive.Elementwise, elementwise.Negative.Elementwise = true, true
	for name, transform := range map[string]ft.Transform{"paper": ft.Paper(), "elementwise": elementwise} {
		inRun(t, func() {
			bank := NewMemoryBank(m, d, 3, torch.CPU)
			defer bank.Free()
			peak := func(queries int) (scratch float64) {
				torch.Scoped(func() {
					q, key := unitRows(queries, d, 1).SetRequiresGrad(true), unitRows(queries, d, 2)
					stream := Stream{Seed: 1}
					before := torch.MemoryInUse()
					draw := stream.Next(transform, queries, k, d, torch.CPU)
					torch.ResetMemoryPeak()
					InfoNCE(q, key, bank.Draw(k, 1, 1), draw, Options{Temperature: 0.2, Scores: true, Bound: 2}).Loss.Backward()
					scratch = float64(torch.MemoryPeak()-before) / 1e6
				})
				return scratch
			}
			// Few queries gather as many rows at a time as a full batch. The memory
			// grows linearly with the batch.
			few, more := peak(4), peak(12)
			batch := few + (more-few)/8*(n-4)
			t.Logf("%s: %.0f MB for 4 queries, %.0f MB for 12, so %.0f MB for %d", name, few, more, batch, n)
			if batch > 256 {
				t.Errorf("%s: %.0f MB of scratch, want at most 256", name, batch)
			}
		})
	}
}

// A bank of the 1.28 million images of ImageNet takes N·d·4 bytes, 12 for the origin of each row, and little else while it
// is made. It is updated in place, and drawing needs no memory that grows with it.
func TestBankOfImageNet(t *testing.T) {
	const m, d, n = 1_280_000, 4, 256
	inRun(t, func() {
		before := torch.MemoryInUse()
		torch.ResetMemoryPeak()
		bank := NewMemoryBank(m, d, 3, torch.CPU)
		defer bank.Free()
		if peak := torch.MemoryPeak() - before; peak > m*d*4*5/4+m*OriginColumns*4 {
			t.Errorf("making it takes %d bytes, want little more than N·d·4 and 12 for each origin = %d", peak, m*(d+OriginColumns)*4)
		}
		images := make([]int64, n)
		for i := range images {
			images[i] = int64(i) * (m / n)
		}
		features, row := unitRows(n, d, 1), bank.Rows.Narrow(0, m/n, 1).Float32s()
		torch.ResetMemoryPeak()
		held := torch.MemoryInUse()
		bank.Update(torch.FromInt64(images, n), features, 0)
		if scratch := torch.MemoryPeak() - held; scratch > 1<<20 {
			t.Errorf("an update takes %d bytes", scratch)
		}
		golden.Near(t, "a row that was replaced", bank.Rows.Narrow(0, m/n, 1).Float32s(), features.Narrow(0, 1, 1).Float32s(), 1e-6)
		if slices.Equal(row, bank.Rows.Narrow(0, m/n, 1).Float32s()) {
			t.Error("the row is as it was")
		}
		small := NewMemoryBank(50, d, 3, torch.CPU)
		defer small.Free()
		if of, ofSmall := testing.AllocsPerRun(10, func() { bank.Draw(65536, 1, 2) }), testing.AllocsPerRun(10, func() { small.Draw(65536, 1, 2) }); of != ofSmall {
			t.Errorf("a draw allocates %v times, from a bank of 50 rows %v times", of, ofSmall)
		}
	})
}

func BenchmarkDrawn(b *testing.B) {
	const n, m, d = 256, 50000, 128
	for _, k := range []int{4096, 16384} {
		b.Run(fmt.Sprint("K ", k), func(b *testing.B) {
			err := torch.Run(func() error {
				torch.Scoped(func() {
					q := unitRows(n, d, 1).SetRequiresGrad(true)
					bank := NewMemoryBank(m, d, 3, torch.CPU)
					defer bank.Free()
					stream := Stream{Seed: 1}
					for i := range b.N {
						torch.Scoped(func() {
							draw := stream.Next(ft.Paper(), n, k, d, torch.CPU)
							InfoNCE(q, unitRows(n, d, 2), bank.Draw(k, 1, uint64(i)), draw, Options{Temperature: 0.2}).Loss.Backward()
						})
					}
				})
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		})
	}
}
