package optim

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"contralens/internal/numeric"
	"contralens/torch"
)

// run runs f inside torch and fails if it leaves tensors alive.
func run(t *testing.T, f func()) {
	t.Helper()
	before := torch.LiveTensors()
	if err := torch.Run(func() error { torch.Scoped(f); return nil }); err != nil {
		t.Fatal(err)
	}
	if n := torch.LiveTensors() - before; n != 0 {
		t.Errorf("%d tensors left alive", n)
	}
}

// give sets the gradient of w.
func give(w *torch.Tensor, gradient []float64) {
	w.Mul(torch.FromFloat64(gradient, w.Shape()...)).Sum().Backward()
}

// steps are some steps of an optimizer in PyTorch, written by a program in testdata.
type steps struct {
	Rates            []float64
	Start            [][]float64
	Gradients, After [][][]float64
	Squares          [][]float64
}

func readSteps(t *testing.T, file string) (c steps) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// repeat makes the steps and compares all parameters ws after each.
func (c steps) repeat(t *testing.T, ws []*torch.Tensor, s *SGD) {
	t.Helper()
	for step, rate := range c.Rates {
		for i, w := range ws {
			give(w, c.Gradients[step][i])
		}
		s.Step(rate)
		for i, w := range ws {
			numeric.AllNear(t, fmt.Sprintf("step %d, parameter %d", step, i), w.Float64s(), c.After[step][i], 1e-13)
		}
	}
}

// leaf returns a parameter with those values.
func leaf(values []float64, shape ...int) *torch.Tensor {
	return torch.FromFloat64(values, shape...).SetRequiresGrad(true)
}

// AdamW moves a matrix and a bias, which has no weight decay, as PyTorch does.
func TestAdamWGolden(t *testing.T) {
	c := readSteps(t, "testdata/adamw.json")
	run(t, func() {
		ws := []*torch.Tensor{leaf(c.Start[0], 3, 4), leaf(c.Start[1], 4)}
		s := NewAdamW(ws, 0.9, 0.98, 0.1)
		defer s.Free()
		s.ExemptVectors()
		c.repeat(t, ws, s)
		for i, v := range s.Rule.(*AdamW).Squares {
			numeric.AllNear(t, "squares", v.Float64s(), c.Squares[i], 1e-13)
		}
	})
}

// LARS moves a matrix, a bias and a matrix without weights as the code of Barlow Twins does.
func TestLARSGolden(t *testing.T) {
	c := readSteps(t, "testdata/lars.json")
	run(t, func() {
		ws := []*torch.Tensor{leaf(c.Start[0], 3, 4), leaf(c.Start[1], 4), leaf(c.Start[2], 1, 2)}
		s := NewLARS(ws, 0.9, 0.1, 0.02)
		defer s.Free()
		c.repeat(t, ws, s)
	})
}

// LARS equals its definition in float64: a matrix, whose rate its length sets, a bias, and
// a matrix without weights, which moves as under SGD.
func TestLARSDefinition(t *testing.T) {
	const μ, wd, η, lr = 0.9, 0.1, 0.001, 0.3
	length := func(v []float64) (sum float64) {
		for _, x := range v {
			sum += x * x
		}
		return math.Sqrt(sum)
	}
	run(t, func() {
		shapes := [][]int{{2, 2}, {3}, {1, 2}}
		values := [][]float64{{1, -2, 0.5, 3}, {0.1, 0.2, -0.3}, {0, 0}}
		momenta := [][]float64{make([]float64, 4), make([]float64, 3), make([]float64, 2)}
		var ws []*torch.Tensor
		for i, v := range values {
			ws = append(ws, torch.FromFloat64(v, shapes[i]...).SetRequiresGrad(true))
		}
		s := NewLARS(ws, μ, wd, η)
		defer s.Free()
		for step := range 3 {
			for i, w := range ws {
				g := make([]float64, len(values[i]))
				for j := range g {
					g[j] = math.Sin(float64(step + 3*i + j + 1))
				}
				give(w, g)
				trust := 1.0
				if len(shapes[i]) > 1 {
					for j := range g {
						g[j] += wd * values[i][j]
					}
					if length(values[i]) > 0 {
						trust = η * length(values[i]) / length(g)
					}
				}
				for j := range g {
					momenta[i][j] = μ*momenta[i][j] + trust*g[j]
					values[i][j] -= lr * momenta[i][j]
				}
			}
			s.Step(lr)
			for i, w := range ws {
				numeric.AllNear(t, fmt.Sprintf("step %d, parameter %d", step, i), w.Float64s(), values[i], 1e-14)
				numeric.AllNear(t, fmt.Sprintf("step %d, momentum %d", step, i), s.Buffers[i].Float64s(), momenta[i], 1e-14)
			}
		}
	})
}

// Where a loss or a gradient is not finite, a guarded step of either rule changes nothing, and
// otherwise it is the plain one: with and without a scaled loss, on the CPU and on a device.
func TestRulesGuarded(t *testing.T) {
	for name, newOptimizer := range map[string]func(p []*torch.Tensor) *SGD{
		"LARS":  func(p []*torch.Tensor) *SGD { return NewLARS(p, 0.9, 0.1, 0.001) },
		"AdamW": func(p []*torch.Tensor) *SGD { return NewAdamW(p, 0.9, 0.99, 0.1) },
	} {
		for _, scaled := range []bool{false, true} {
			if scaled && !torch.FusesUpdates() {
				continue // the operators of a scaled loss are missing on the CPU
			}
			t.Run(fmt.Sprint(name, " scaled ", scaled), func(t *testing.T) {
				run(t, func() {
					plain, plainLoss := weights(torch.CPU)
					guarded, guardedLoss := weights(torch.CPU)
					p, g := newOptimizer(plain), newOptimizer(guarded)
					defer p.Free()
					defer g.Free()
					if scaled {
						g.ScaleLoss(torch.CPU)
					}
					for _, x := range []float64{1, 2, math.NaN(), 3} {
						if !math.IsNaN(x) {
							plainLoss(x).Backward()
							p.Step(0.05)
						}
						loss := g.Scaled(guardedLoss(x))
						loss.Backward()
						g.GuardedStep(0.05, loss)
						if math.IsNaN(x) {
							g.Release()
						}
						for i := range plain {
							numeric.AllNear(t, fmt.Sprint("x ", x), guarded[i].Float64s(), plain[i].Float64s(), 1e-5)
						}
					}
					if slices.Equal(plain[0].Float64s(), []float64{1, -2, 0}) {
						t.Error("the parameter did not move")
					}
				})
			})
		}
	}
}

// An update whose gradients were found not to be finite changes nothing on a device, by the
// operators that run there.
func TestRulesFound(t *testing.T) {
	for name, newOptimizer := range map[string]func(p []*torch.Tensor) *SGD{
		"LARS":  func(p []*torch.Tensor) *SGD { return NewLARS(p, 0.9, 0.1, 0.001) },
		"AdamW": func(p []*torch.Tensor) *SGD { return NewAdamW(p, 0.9, 0.99, 0.1) },
	} {
		run(t, func() {
			all := func(found float64, x float64) (values []float64) {
				ws, loss := weights(torch.CPU)
				s := newOptimizer(ws)
				defer s.Free()
				loss(x).Backward()
				torch.NoGrad(func() { s.take().fused(s, 0.05, torch.Scalar(found)) })
				for _, v := range slices.Concat(ws, s.State()) {
					values = append(values, v.Float64s()...)
				}
				return values
			}
			plain := func() (values []float64) {
				ws, loss := weights(torch.CPU)
				s := newOptimizer(ws)
				defer s.Free()
				loss(2).Backward()
				s.Step(0.05)
				for _, v := range slices.Concat(ws, s.State()) {
					values = append(values, v.Float64s()...)
				}
				return values
			}
			if got, want := all(0, 2), plain(); !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", name, got, want)
			}
			still := all(1, math.NaN())
			if want := []float64{1, -2, 0, 1, -2, 1}; !slices.Equal(still[:6], want) {
				t.Errorf("%s: parameters %v, want %v", name, still[:6], want)
			}
			for _, v := range still[6:] {
				if v != 0 {
					t.Errorf("%s: state %v, want zeros", name, still[6:])
					break
				}
			}
		})
	}
}
