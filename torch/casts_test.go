package torch

import (
	"slices"
	"testing"
)

// TestCasts: a convolution and a linear layer with copies of their weights give the values
// and the gradients that Autocast alone gives, bit by bit, also after an update.
func TestCasts(t *testing.T) {
	TestDevices(t, func(t *testing.T, device Device) {
		inRun(t, func() {
			f32 := func(shape ...int) *Tensor { return d(shape...).To(Float32).ToDevice(device) }
			x, ws := f32(2, 3, 5, 5), []*Tensor{f32(4, 3, 3, 3).SetRequiresGrad(true), f32(2, 4).SetRequiresGrad(true), f32(2).SetRequiresGrad(true)}
			casts := NewCasts(ws, BFloat16)
			defer casts.Free()
			step := func(c *Casts) (values []float32) {
				Autocast(device, BFloat16, func() {
					c.Use(func() {
						y := x.Conv2d(ws[0], nil, 1, 1, 1, 1).MeanDim([]int{2, 3}, false).Linear(ws[1], ws[2])
						values = y.Float32s()
						y.To(Float32).Square().Sum().Backward()
					})
				})
				for _, g := range TakeGrads(ws) {
					if g.Dtype() != Float32 {
						t.Errorf("a gradient is %v", g.Dtype())
					}
					values = append(values, g.Float32s()...)
				}
				return values
			}
			var before []float32
			for range 2 {
				casts.Refresh()
				want, got := step(nil), step(casts)
				if !slices.Equal(got, want) {
					t.Errorf("with copies %v, want %v", got, want)
				}
				if slices.Equal(want, before) {
					t.Error("the update changed nothing")
				}
				before = want
				NoGrad(func() { ws[0].MulScalar_(1.5) })
			}
			if ws[0].cast == nil || ws[1].cast == nil || ws[2].cast != nil {
				t.Error("want copies of both weights, and none of the bias")
			}
		})
	})
}

// TestForeachCopy compares it with copies one by one.
func TestForeachCopy(t *testing.T) {
	inRun(t, func() {
		ts := []*Tensor{Zeros([]int{2}), Zeros([]int{1}, Options{Dtype: BFloat16})}
		ForeachCopy_(ts, []*Tensor{FromFloat32([]float32{1, 2}, 2), FromFloat32([]float32{3}, 1)})
		expect(t, "first", ts[0], []int{2}, 1, 2)
		expect(t, "second", ts[1], []int{1}, 3)
	})
}
