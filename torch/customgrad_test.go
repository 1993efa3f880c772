package torch

import (
	"math"
	"slices"
	"testing"
)

// TestCustomGrad: a gradient written by hand propagates like one of autograd, to earlier
// operations and scaled by later ones.
func TestCustomGrad(t *testing.T) {
	inRun(t, func() {
		x := FromFloat32([]float32{1, -2, 3}, 3).SetRequiresGrad(true)
		y := FromFloat32([]float32{4, 5, 6}, 3).SetRequiresGrad(true)
		twice := x.MulScalar(2)
		product := twice.Mul(y).Sum()
		// The same function, Σ 2x·y, with its gradient by hand.
		byHand := CustomGrad(Scalar(product.Item()), []*Tensor{twice, y}, []*Tensor{y.Detach(), twice.Detach()})
		if got := byHand.Item(); got != product.Item() {
			t.Errorf("the value is %v, want %v", got, product.Item())
		}
		byHand.MulScalar(3).Backward()
		gx, gy := x.Grad().Float32s(), y.Grad().Float32s()
		x.ClearGrad()
		y.ClearGrad()
		product.MulScalar(3).Backward()
		if want := x.Grad().Float32s(); !slices.Equal(gx, want) {
			t.Errorf("the gradient by hand gives x %v, autograd %v", gx, want)
		}
		if want := y.Grad().Float32s(); !slices.Equal(gy, want) {
			t.Errorf("the gradient by hand gives y %v, autograd %v", gy, want)
		}
	})
}

// TestCustomGradPartly: an input that needs no gradient gets none. If no input needs one,
// there is no graph.
func TestCustomGradPartly(t *testing.T) {
	inRun(t, func() {
		x, constant := Ones([]int{2}).SetRequiresGrad(true), Ones([]int{2})
		loss := CustomGrad(Scalar(1), []*Tensor{x, constant}, []*Tensor{Full([]int{2}, 7), Full([]int{2}, math.NaN())})
		loss.Backward()
		if got := x.Grad().Float32s(); !slices.Equal(got, []float32{7, 7}) {
			t.Errorf("want the gradient 7, got %v", got)
		}
		if constant.Grad() != nil {
			t.Error("a constant got a gradient")
		}
		if CustomGrad(Scalar(1), []*Tensor{constant}, []*Tensor{constant}).RequiresGrad() {
			t.Error("a value of constants has a graph")
		}
		NoGrad(func() {
			if CustomGrad(Scalar(1), []*Tensor{x}, []*Tensor{x}).RequiresGrad() {
				t.Error("without recording there is a graph")
			}
		})
	})
}

// TestCustomGradRefuses: wrong shapes and counts, and a second backward pass, are errors.
func TestCustomGradRefuses(t *testing.T) {
	inRun(t, func() {
		x := Ones([]int{2}).SetRequiresGrad(true)
		for name, f := range map[string]func(){
			"a value of two elements": func() { CustomGrad(x, []*Tensor{x}, []*Tensor{x}) },
			"no gradient":             func() { CustomGrad(Scalar(1), []*Tensor{x}, nil) },
			"no input":                func() { CustomGrad(Scalar(1), nil, nil) },
			"another shape":           func() { CustomGrad(Scalar(1), []*Tensor{x}, []*Tensor{Ones([]int{3})}) },
			"a second backward pass": func() {
				y := CustomGrad(Scalar(1), []*Tensor{x}, []*Tensor{Ones([]int{2})})
				y.Backward()
				y.Backward()
			},
		} {
			func() {
				defer func() {
					err := recover()
					if _, ok := err.(*Error); !ok {
						t.Errorf("%s: got %v, want an *Error", name, err)
					}
				}()
				f()
			}()
		}
	})
}

// TestCustomGradFrees: gradients live as long as the graph, not longer.
func TestCustomGradFrees(t *testing.T) {
	inRun(t, func() {
		before := MemoryInUse()
		for range 50 {
			Scoped(func() {
				x := Zeros([]int{1 << 16}).SetRequiresGrad(true)
				CustomGrad(Scalar(1), []*Tensor{x}, []*Tensor{Ones([]int{1 << 16})}).Backward()
			})
		}
		if more := MemoryInUse() - before; more > 1<<18 {
			t.Errorf("50 graphs leave %d bytes", more)
		}
	})
}
