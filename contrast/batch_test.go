package contrast

import (
	"fmt"
	"slices"
	"testing"

	"contralens/contrast/ft"
	"contralens/internal/golden"
	"contralens/internal/numeric"
	"contralens/torch"
)

// NTXent equals NTXentPlain, with every transformation.
func TestNTXentEqualsPlain(t *testing.T) {
	paper := ft.Paper()
	elementwise := paper
	elementwise.Positive.Elementwise, elementwise.Negative.Elementwise = true, true
	for _, tc := range []struct {
		name string
		n    int
		t    ft.Transform
		o    Options
	}{
		{"plain", 6, ft.Transform{}, Options{}},
		{"paper", 6, paper, Options{}},
		{"elementwise", 6, elementwise, Options{}},
		{"positives", 6, ft.Transform{Positive: paper.Positive}, Options{}},
		{"normalized", 6, normalized(elementwise, true, true), Options{}},
		{"three images", 3, paper, Options{}},
		{"two images", 2, paper, Options{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inRun(t, func() {
				const d = 8
				o := tc.o
				o.Temperature, o.Scores = 0.2, true
				stream := Stream{Seed: 7}
				draw := stream.Next(tc.t, 2*tc.n, 2*tc.n, d, torch.CPU)
				features := func() (u, v *torch.Tensor) {
					return unitRows(tc.n, d, 1).SetRequiresGrad(true), unitRows(tc.n, d, 2).SetRequiresGrad(true)
				}
				ua, va := features()
				plain := NTXentPlain(ua, va, draw, o)
				plain.Loss.Backward()
				for _, bound := range []float64{0, 2} {
					o.Bound = bound
					ub, vb := features()
					fused := NTXent(ub, vb, draw, o)
					fused.Loss.Backward()
					numeric.Near(t, "loss", fused.Value, plain.Value, 2*lossRounding(draw, d, 2*tc.n, o.Temperature))
					golden.Near(t, "gradient of u", ub.Grad().Float32s(), ua.Grad().Float32s(), 1e-5)
					golden.Near(t, "gradient of v", vb.Grad().Float32s(), va.Grad().Float32s(), 1e-5)
					if len(fused.Scores) != tc.n*ScoreColumns {
						t.Errorf("%d score values, want %d rows", len(fused.Scores), tc.n)
					}
					if bound == 0 {
						continue
					}
					count := int64(0)
					for _, c := range fused.Statistics.Seen.Negatives {
						count += c
					}
					mixed := int64(4)
					if tc.t.Negative.On == false || tc.n < 3 {
						mixed = 2
					}
					if want := int64(2*tc.n) * (int64(2*tc.n) - mixed); count != want {
						t.Errorf("%d negative scores, want %d", count, want)
					}
				}
			})
		})
	}
}

// No mixed negative contains the query's own image, and no image is mixed with itself.
func TestBatchCircle(t *testing.T) {
	const n = 5
	inRun(t, func() {
		partner := newCircle(torch.FromInt64([]int64{9, 3, 0, 7, 4, 1, 8, 2, 5, 6}, 2*n), n).partners()
		for i, want := range []int{4, 2, 3, 0, 1} { // 3 0 4 1 2 and back to 3
			if partner[i] != want {
				t.Errorf("image %d is mixed with %d, want %d", i, partner[i], want)
			}
		}
		columns := others(n, partner)
		if got := columns.Size(1); got != 2*n-4 {
			t.Fatalf("%d negatives, want %d", got, 2*n-4)
		}
		for at, j := range columns.Int64s() {
			own, of := at/(2*n-4)%n, int(j)%n
			if of == own || partner[of] == own {
				t.Errorf("a negative of image %d is made of %d and %d", own, of, partner[of])
			}
		}
	})
}

// Operators list the columns that the host lists, and mix the same images.
func TestColumnsByOperators(t *testing.T) {
	inRun(t, func() {
		operators := Options{byOperators: true}
		same := func(what string, got, want *torch.Tensor) {
			if !slices.Equal(got.Shape(), want.Shape()) || !slices.Equal(got.Int64s(), want.Int64s()) {
				t.Errorf("%s: %v, want %v", what, got.Int64s(), want.Int64s())
			}
		}
		for _, n := range []int{1, 2, 3, 4, 17} {
			z := torch.Zeros([]int{2 * n, 3})
			same(fmt.Sprint("others of ", n), negativesOf(n, nil, z, operators), negativesOf(n, nil, z, Options{}))
			same(fmt.Sprint("off the diagonal of ", 2*n), offDiagonal(z, operators), offDiagonal(z, Options{}))
			if n < 3 {
				continue
			}
			for seed := range uint64(5) {
				stream := Stream{Seed: seed}
				order := newCircle(stream.Next(ft.Paper(), 2*n, 2*n, 3, torch.CPU).Permutation, n)
				same(fmt.Sprint("mixed others of ", n), negativesOf(n, order, z, operators), negativesOf(n, order, z, Options{}))
				same(fmt.Sprint("partners of ", n), order.permutation(z, operators), order.permutation(z, Options{}))
			}
		}
	})
}

// Extrapolation by λ multiplies Similarity's gradient by 1 + 2λ(λ-1).
func TestSimilarity(t *testing.T) {
	inRun(t, func() {
		const n, d = 6, 8
		z := unitRows(n, d, 2)
		run := func(draw Draw, bound float64) (float64, []float32) {
			p := unitRows(n, d, 1).SetRequiresGrad(true)
			out := Similarity(p, z, draw, Options{Temperature: 0.1, Scores: true, Bound: bound})
			out.Loss.Backward()
			if len(out.Scores) != n*ScoreColumns || (bound > 0) != (out.Statistics != nil) {
				t.Errorf("%d score values, statistics %v", len(out.Scores), out.Statistics)
			}
			return out.Value, p.Grad().Float32s()
		}
		plain, g := run(Draw{}, 0)
		p := unitRows(n, d, 1)
		const λ = 1.5
		harder := Draw{Positive: &Lambda{Value: λ}}
		value, g1 := run(harder, 2)
		numeric.Near(t, "extrapolated loss", value, plain+2*λ*(λ-1)*(1+plain), 1e-6)
		// The gradient of unit rows also has a component along p, which normalization removes.
		// Compare the rest.
		for i := range n {
			across := func(g []float32) (out [d]float64) {
				row, along := p.Float32s()[i*d:(i+1)*d], 0.0
				for c := range d {
					along += float64(row[c]) * float64(g[i*d+c])
				}
				for c := range d {
					out[c] = float64(g[i*d+c]) - along*float64(row[c])
				}
				return out
			}
			a, b := across(g), across(g1)
			for c := range d {
				numeric.Near(t, fmt.Sprint("gradient of row ", i), b[c], a[c]*(1+2*λ*(λ-1)), 1e-6)
			}
		}
	})
}
