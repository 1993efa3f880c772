package torch

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"contralens/internal/cpu"
	"contralens/internal/numeric"
)

// eachLevel runs a test of a kernel with every instruction set that the processor
// supports.
func eachLevel(t *testing.T, test func(t *testing.T)) {
	for level := range cpu.Levels() {
		t.Run(level.String(), test)
	}
}

// inRun runs the tensor work of a test in a scope. It fails the test if an operator fails
// or tensors leak.
func inRun(t *testing.T, f func()) {
	t.Helper()
	before := LiveTensors()
	if err := Run(func() error { Scoped(f); return nil }); err != nil {
		t.Error(err)
	}
	if n := LiveTensors() - before; n != 0 {
		t.Errorf("%d tensors left alive", n)
	}
}

// ramp returns n different values around 0, none of them 0.
func ramp(n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = 1.7*math.Sin(float64(3*i+1)) + 0.05
	}
	return v
}

// d returns a float64 tensor with the values of ramp.
func d(shape ...int) *Tensor { return FromFloat64(ramp(size(shape)), shape...) }

func size(shape []int) int {
	n := 1
	for _, s := range shape {
		n *= s
	}
	return n
}

// expect compares shape and values.
func expect(t *testing.T, what string, got *Tensor, shape []int, want ...float64) {
	t.Helper()
	if !slices.Equal(got.Shape(), shape) {
		t.Errorf("%s: shape %v, want %v", what, got.Shape(), shape)
		return
	}
	for i, v := range got.Float64s() {
		numeric.Near(t, fmt.Sprintf("%s: element %d", what, i), v, want[i], 1e-12*(1+math.Abs(want[i])))
	}
}

// each applies f to every index tuple of shape.
func each(shape []int, f func(at []int)) {
	at := make([]int, len(shape))
	for range size(shape) {
		f(at)
		for i := len(at) - 1; i >= 0; i-- {
			if at[i]++; at[i] < shape[i] {
				break
			}
			at[i] = 0
		}
	}
}

// offset is the position of an index tuple in C order.
func offset(shape, at []int) int {
	n := 0
	for i, s := range shape {
		n = n*s + at[i]
	}
	return n
}

func ExampleRun() {
	err := Run(func() error {
		Scoped(func() {
			x := FromFloat32([]float32{3}, 1).SetRequiresGrad(true)
			x.Square().Sum().Backward()
			fmt.Println(x.Grad().Float32s())
		})
		FromFloat32([]float32{1, 2}, 1, 2).Mm(Ones([]int{3, 1}))
		return nil
	})
	fmt.Println(err != nil)
	// Output:
	// [6]
	// true
}

// BenchmarkCall measures the overhead of an operator: it adds one element and frees the
// result.
func BenchmarkCall(b *testing.B) {
	err := Run(func() error {
		Scoped(func() {
			x := Ones([]int{1})
			b.ResetTimer()
			for range b.N {
				x.Add(x).Free()
			}
		})
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}
