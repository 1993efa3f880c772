package torch

import (
	"fmt"
	"slices"
	"testing"
)

// The bits of floats are theirs in IEEE 754.
func TestBits(t *testing.T) {
	Scoped(func() {
		for _, tc := range []struct {
			dtype Dtype
			want  []int64
		}{{Float32, []int64{0x3f800000, -0x40000000}}, {Float64, []int64{0x3ff0000000000000, -0x4000000000000000}},
			{BFloat16, []int64{0x3f80, -0x4000}}} {
			if got := FromFloat32([]float32{1, -2}, 2).To(tc.dtype).Bits().Int64s(); !slices.Equal(got, tc.want) {
				t.Errorf("%v: bits %x, want %x", tc.dtype, got, tc.want)
			}
		}
	})
}

func TestCreate(t *testing.T) {
	inRun(t, func() {
		expect(t, "Zeros", Zeros([]int{2, 1}), []int{2, 1}, 0, 0)
		expect(t, "Ones", Ones([]int{2}, Options{Dtype: Int64}), []int{2}, 1, 1)
		expect(t, "Full", Full([]int{2}, 2.5), []int{2}, 2.5, 2.5)
		expect(t, "Scalar", Scalar(4), []int{}, 4)
		expect(t, "Arange", Arange(3), []int{3}, 0, 1, 2)
		expect(t, "Eye", Eye(2), []int{2, 2}, 1, 0, 0, 1)
		expect(t, "FromFloat32", FromFloat32([]float32{1.5, 2}, 2, 1), []int{2, 1}, 1.5, 2)
		expect(t, "FromUint8", FromUint8([]uint8{255, 1}, 2), []int{2}, 255, 1)
		expect(t, "FromInt64", FromInt64([]int64{-3}, 1), []int{1}, -3)
		if e := Empty([]int{4, 5}, Options{Dtype: Uint8, Exact: true}); e.Dtype() != Uint8 || e.Numel() != 20 || e.Dim() != 2 || e.Size(-1) != 5 {
			t.Errorf("Empty: %v", e)
		}
		x := FromFloat32([]float32{1, 2, 3}, 3)
		buffer := make([]float32, 3)
		x.CopyTo(buffer)
		if fmt.Sprint(buffer, x.Float32s(), x.Int64s(), x.To(Uint8).Uint8s()) != "[1 2 3] [1 2 3] [1 2 3] [1 2 3]" {
			t.Error("copies out of a tensor differ")
		}
		if Scalar(2.5).Item() != 2.5 || !x.Device().IsCPU() || CPU.String() != "cpu" || CUDA(2).String() != "cuda:2" {
			t.Error("item or device")
		}
		if s := x.String(); s == "" || BFloat16.String() == "" || x.ToDevice(CPU).Numel() != 3 {
			t.Errorf("String: %q", s)
		}
		for _, to := range []Dtype{Float16, Float32, Float64, BFloat16, Int64, Bool} {
			if y := x.To(to); y.Dtype() != to || y.To(Float64).Float64s()[0] != 1 {
				t.Errorf("To(%v): %v", to, y)
			}
		}
	})
}

func TestShapes(t *testing.T) {
	shape := []int{2, 3, 4}
	v := ramp(24)
	at := func(i, j, k int) float64 { return v[offset(shape, []int{i, j, k})] }
	collect := func(n []int, f func(at []int) float64) (out []float64) {
		each(n, func(i []int) { out = append(out, f(i)) })
		return out
	}
	inRun(t, func() {
		x := d(shape...)
		expect(t, "View", x.View(6, -1), []int{6, 4}, v...)
		expect(t, "Reshape", x.Reshape(4, 6), []int{4, 6}, v...)
		expect(t, "Flatten", x.Flatten(1, -1), []int{2, 12}, v...)
		expect(t, "Permute", x.Permute(2, 0, 1), []int{4, 2, 3}, collect([]int{4, 2, 3}, func(i []int) float64 { return at(i[1], i[2], i[0]) })...)
		expect(t, "Transpose", x.Transpose(0, 2), []int{4, 3, 2}, collect([]int{4, 3, 2}, func(i []int) float64 { return at(i[2], i[1], i[0]) })...)
		expect(t, "T", x.Select(0, 1).T(), []int{4, 3}, collect([]int{4, 3}, func(i []int) float64 { return at(1, i[1], i[0]) })...)
		expect(t, "Select", x.Select(1, 2), []int{2, 4}, collect([]int{2, 4}, func(i []int) float64 { return at(i[0], 2, i[1]) })...)
		expect(t, "Narrow", x.Narrow(2, 1, 2), []int{2, 3, 2}, collect([]int{2, 3, 2}, func(i []int) float64 { return at(i[0], i[1], i[2]+1) })...)
		expect(t, "Unsqueeze", x.Unsqueeze(1), []int{2, 1, 3, 4}, v...)
		expect(t, "Squeeze", x.Unsqueeze(-1).Squeeze(3), shape, v...)
		expect(t, "Expand", d(1, 2).Expand(3, 2), []int{3, 2}, v[0], v[1], v[0], v[1], v[0], v[1])
		expect(t, "Cat", Cat([]*Tensor{d(1, 2), d(2, 2)}, 0), []int{3, 2}, v[0], v[1], v[0], v[1], v[2], v[3])
		expect(t, "Stack", Stack([]*Tensor{d(2), d(2)}, 1), []int{2, 2}, v[0], v[0], v[1], v[1])
		m := FromFloat64([]float64{1, 2, 3, 4, 5, 6, 7, 8, 9}, 3, 3)
		expect(t, "Diagonal", m.Diagonal(0, 1), []int{3}, 1, 5, 9)
		parts := d(6).Chunk(3, 0)
		expect(t, "Chunk", parts[2], []int{2}, v[4], v[5])
		expect(t, "Contiguous", x.Transpose(0, 2).Contiguous(), []int{4, 3, 2}, collect([]int{4, 3, 2}, func(i []int) float64 { return at(i[2], i[1], i[0]) })...)
		expect(t, "ChannelsLast", d(2, 3, 2, 2).Contiguous(ChannelsLast), []int{2, 3, 2, 2}, ramp(24)...)
		expect(t, "Detach", x.Detach(), shape, v...)
		if !x.View(24).SharesMemory(x) || x.Clone().SharesMemory(x) {
			t.Error("SharesMemory")
		}
	})
}

func TestIndices(t *testing.T) {
	inRun(t, func() {
		x := FromFloat64([]float64{1, 2, 3, 4, 5, 6}, 2, 3)
		at := FromInt64([]int64{2, 0}, 2)
		expect(t, "IndexSelect", x.IndexSelect(1, at), []int{2, 2}, 3, 1, 6, 4)
		out := d(2, 2)
		x.IndexSelectInto(out, 1, at)
		expect(t, "IndexSelectInto", out, []int{2, 2}, 3, 1, 6, 4)
		expect(t, "Gather", x.Gather(1, FromInt64([]int64{1, 1, 2, 0}, 2, 2)), []int{2, 2}, 2, 2, 6, 4)
		expect(t, "IndexCopy_", x.Clone().IndexCopy_(0, FromInt64([]int64{1}, 1), FromFloat64([]float64{7, 8, 9}, 1, 3)), []int{2, 3}, 1, 2, 3, 7, 8, 9)
		expect(t, "Scatter_", Zeros([]int{2, 3}, Options{Dtype: Float64}).Scatter_(1, FromInt64([]int64{0, 1, 2, 1}, 2, 2), FromFloat64([]float64{1, 2, 3, 4}, 2, 2)), []int{2, 3}, 1, 2, 0, 0, 4, 3)
		expect(t, "ScatterAdd_", Zeros([]int{2, 3}, Options{Dtype: Float64}).ScatterAdd_(1, FromInt64([]int64{0, 0, 2, 1}, 2, 2), FromFloat64([]float64{1, 2, 3, 4}, 2, 2)), []int{2, 3}, 3, 0, 0, 0, 4, 3)
	})
}
