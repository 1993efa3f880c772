package contrast

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"contralens/contrast/ft"
	"contralens/internal/golden"
	"contralens/internal/numeric"
	"contralens/torch"
)

func unitRows(n, d int, seed uint64) *torch.Tensor {
	rng := rand.New(rand.NewPCG(seed, 0))
	v := make([]float32, n*d)
	for i := range v {
		v[i] = float32(rng.NormFloat64())
	}
	return torch.FromFloat32(v, n, d).Normalize(1)
}

// The fused path equals the plain one in cases without golden numbers: normalized
// negatives, only one side, batches of one, K below the batch.
func TestFusedEqualsPlain(t *testing.T) {
	paper := ft.Paper()
	elementwise := paper
	elementwise.Positive.Elementwise, elementwise.Negative.Elementwise = true, true
	for _, tc := range []struct {
		name    string
		n, k, d int
		t       ft.Transform
		o       Options
	}{
		{"plain", 5, 33, 8, ft.Transform{}, Options{}},
		{"paper", 5, 33, 8, paper, Options{}},
		{"one row", 1, 7, 4, paper, Options{}},
		{"more rows than keys", 9, 3, 4, paper, Options{}},
		{"elementwise", 5, 33, 8, elementwise, Options{}},
		{"positives alone", 5, 33, 8, ft.Transform{Positive: paper.Positive}, Options{}},
		{"negatives alone", 5, 33, 8, ft.Transform{Negative: paper.Negative}, Options{}},
		{"normalized positives", 5, 33, 8, normalized(paper, true, false), Options{}},
		{"normalized negatives", 5, 33, 8, normalized(paper, false, true), Options{}},
		{"normalized both", 5, 33, 8, normalized(elementwise, true, true), Options{}},
	} {
		for _, τ := range []float64{0.05, 0.07, 0.2} {
			t.Run(fmt.Sprint(tc.name, " τ ", τ), func(t *testing.T) {
				inRun(t, func() {
					k, n := unitRows(tc.n, tc.d, 2), unitRows(tc.k, tc.d, 3)
					o := tc.o
					o.Temperature, o.Scores = τ, true
					stream := Stream{Seed: 7}
					draw := stream.Next(tc.t, tc.n, tc.k, tc.d, torch.CPU)
					qa := unitRows(tc.n, tc.d, 1).SetRequiresGrad(true)
					plain := InfoNCEPlain(qa, k, QueueNegatives{Rows: n}, draw, o)
					plain.Loss.Backward()
					for _, path := range []contrastFunc{InfoNCE, operators} {
						qb := unitRows(tc.n, tc.d, 1).SetRequiresGrad(true)
						fused := path(qb, k, QueueNegatives{Rows: n}, draw, o)
						if got := fused.Loss.Item(); got != float64(float32(fused.Value)) {
							t.Errorf("the loss is %v as a tensor and %v as a number", got, fused.Value)
						}
						fused.Loss.Backward()
						numeric.Near(t, "loss", fused.Value, plain.Value, 2*lossRounding(draw, tc.d, tc.k, τ))
						if got, want := right(fused, tc.n), right(plain, tc.n); got != want {
							t.Errorf("%v queries are nearest to their key, want %v", got, want)
						}
						golden.Near(t, "gradient", qb.Grad().Float32s(), qa.Grad().Float32s(), 5e-6)
						golden.Near(t, "scores", fused.Scores, plain.Scores, 2e-5)
					}

					// The same in float64, where both must agree much better.
					exact := func(path contrastFunc) (loss float64, gradient []float64) {
						q := unitRows(tc.n, tc.d, 1).To(torch.Float64).SetRequiresGrad(true)
						out := path(q, k.To(torch.Float64), QueueNegatives{Rows: n.To(torch.Float64)}, draw.inFloat64(), o)
						out.Loss.Backward()
						return out.Value, q.Grad().Float64s()
					}
					wantLoss, want := exact(InfoNCEPlain)
					loss, gradient := exact(operators)
					numeric.Near(t, "loss in float64", loss, wantLoss, 1e-12*max(1, wantLoss))
					numeric.AllNear(t, "gradient in float64", gradient, want, 1e-11*numeric.Largest(want))
				})
			})
		}
	}
}

// NaN anywhere makes the loss NaN, so that a training notices it. A positive that ties
// with the best negative is ranked first.
func TestNotANumberAndTies(t *testing.T) {
	inRun(t, func() {
		o := Options{Temperature: 0.2, Scores: true, Bound: 1}
		for name, path := range map[string]contrastFunc{"fused": InfoNCE, "operators": operators} {
			for at := range 3 {
				rows := []*torch.Tensor{unitRows(3, 8, 1), unitRows(3, 8, 2), unitRows(200, 8, 3)}
				rows[at].Narrow(0, 1, 1).MulScalar_(math.NaN())
				if out := path(rows[0].SetRequiresGrad(true), rows[1], QueueNegatives{Rows: rows[2]}, Draw{}, o); !math.IsNaN(out.Value) {
					t.Errorf("%s: NaN in input %d: loss %v", name, at, out.Value)
				}
			}
			q := torch.Eye(8).SetRequiresGrad(true)
			if out := path(q, torch.Eye(8), QueueNegatives{Rows: torch.Eye(8)}, Draw{}, o); out.Accuracy != 100 {
				t.Errorf("%s: accuracy of ties %v", name, out.Accuracy)
			}
		}
	})
}

// Extrapolation makes the positive harder by exactly 2λ(1-λ)(1-pos).
func TestExtrapolateIdentity(t *testing.T) {
	inRun(t, func() {
		q, k := unitRows(6, 16, 1), unitRows(6, 16, 2)
		for _, λ := range []float64{1, 1.25, 2} {
			q1, k1 := Extrapolate(q, k, Lambda{Value: λ})
			pos, pos1 := q.Mul(k).SumDim([]int{1}, false).Float32s(), q1.Mul(k1).SumDim([]int{1}, false).Float32s()
			for i := range pos {
				want := 2*λ*(1-λ)*(1-float64(pos[i])) + float64(pos[i])
				numeric.Near(t, fmt.Sprintf("λ %v row %d", λ, i), float64(pos1[i]), want, 1e-5)
			}
		}
	})
}

// A stream continues where it was saved, and λ has the right distribution.
func TestStream(t *testing.T) {
	inRun(t, func() {
		a := Stream{Seed: 3}
		for range 5 {
			a.Next(ft.Paper(), 2, 4, 2, torch.CPU)
		}
		saved := a
		x, y := a.Next(ft.Paper(), 2, 4, 2, torch.CPU), saved.Next(ft.Paper(), 2, 4, 2, torch.CPU)
		if *x.Positive != *y.Positive || *x.Negative != *y.Negative || fmt.Sprint(x.Permutation.Int64s()) != fmt.Sprint(y.Permutation.Int64s()) {
			t.Error("a saved stream draws something else")
		}
		other := Stream{Seed: 4, Step: 5}
		if z := other.Next(ft.Paper(), 2, 4, 2, torch.CPU); *z.Positive == *x.Positive {
			t.Error("another seed draws the same λ")
		}
		for _, side := range []ft.Side{{Alpha: 2}, {Alpha: 1.6}, {Uniform: true}, {Alpha: 2, Extrapolate: true}} {
			side.On, side.Elementwise = true, true
			for where, next := range map[string]func(s *Stream, t ft.Transform, n, k, d int) Draw{"host": onHost, "device": generatedDraw} {
				s := Stream{Seed: 1}
				λ := next(&s, ft.Transform{Positive: side}, 200, 1, 100).Positive.Elements
				shift, variance := 0.0, 1/(4*(2*side.Alpha+1))
				if side.Extrapolate {
					shift = 1
				}
				if side.Uniform {
					variance = 1.0 / 12
				}
				v, m := λ.VarMean([]int{0, 1}, true, false)
				if math.Abs(m.Item()-0.5-shift) > 0.01 || math.Abs(v.Item()-variance) > 0.003 {
					t.Errorf("%s %+v: mean %v variance %v, want %v and %v", where, side, m.Item(), v.Item(), 0.5+shift, variance)
				}
				if λ.Min().Item() < shift || λ.Max().Item() > shift+1 {
					t.Errorf("%s %+v: λ in [%v, %v]", where, side, λ.Min().Item(), λ.Max().Item())
				}
			}
		}
	})
}

func onHost(s *Stream, t ft.Transform, n, k, d int) Draw { return s.Next(t, n, k, d, torch.CPU) }

// generatedDraw draws as on a device.
func generatedDraw(s *Stream, t ft.Transform, n, k, d int) Draw {
	g := torch.NewGenerator(mix(s.Seed)+s.Step, torch.CPU)
	defer g.Free()
	return s.draw(t, n, k, d, generated{s.host(), g, torch.CPU})
}

// On a device, λ of all rows is that of the CPU, and π has each number once.
func TestStreamOnDevice(t *testing.T) {
	inRun(t, func() {
		cpu, device := Stream{Seed: 3, Step: 7}, Stream{Seed: 3, Step: 7}
		x, y := onHost(&cpu, ft.Paper(), 2, 50, 2), generatedDraw(&device, ft.Paper(), 2, 50, 2)
		if *x.Positive != *y.Positive || *x.Negative != *y.Negative || cpu != device {
			t.Errorf("λ is %v and %v, on the CPU %v and %v", *y.Positive, *y.Negative, *x.Positive, *x.Negative)
		}
		π := y.Permutation.Int64s()
		slices.Sort(π)
		for i, v := range π {
			if v != int64(i) {
				t.Fatalf("not a permutation: %v", π)
			}
		}
	})
}

// TestStreamOfDevices: a saved stream continues with the same draws on every device.
func TestStreamOfDevices(t *testing.T) {
	elementwise := ft.Paper()
	elementwise.Positive.Elementwise, elementwise.Negative.Elementwise = true, true
	torch.TestDevices(t, func(t *testing.T, d torch.Device) {
		inRun(t, func() {
			numbers := func(s Stream) (all []float64) {
				draw := s.Next(elementwise, 3, 40, 5, d)
				for _, x := range []*torch.Tensor{draw.Positive.Elements, draw.Negative.Elements, draw.Permutation} {
					if x.Device() != d {
						t.Errorf("a draw for %v lies on %v", d, x.Device())
					}
					all = append(all, x.Float64s()...)
				}
				return all
			}
			if a, b := numbers(Stream{Seed: 3, Step: 5}), numbers(Stream{Seed: 3, Step: 5}); !slices.Equal(a, b) {
				t.Error("a saved stream draws something else")
			}
			if a, b := numbers(Stream{Seed: 3, Step: 5}), numbers(Stream{Seed: 3, Step: 6}); slices.Equal(a, b) {
				t.Error("two steps draw the same")
			}
		})
	})
}

// right converts an accuracy to the number of queries, of n, that are nearest to their
// key.
func right(o *Output, n int) float64 { return math.Round(o.Accuracy * float64(n) / 100) }

// normalized returns t with normalization after the mixing.
func normalized(t ft.Transform, positive, negative bool) ft.Transform {
	t.Positive.Normalize, t.Negative.Normalize = positive, negative
	return t
}
