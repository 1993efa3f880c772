package torch

import (
	"fmt"
	"math"
	"testing"

	"contralens/internal/numeric"
)

func TestConv2d(t *testing.T) {
	for _, c := range []struct{ n, in, out, h, w, k, stride, pad, dilation, groups int }{
		{2, 3, 4, 5, 6, 3, 1, 1, 1, 1}, {1, 2, 2, 7, 7, 3, 2, 0, 1, 1}, {2, 4, 6, 5, 5, 1, 2, 0, 1, 2}, {1, 2, 3, 7, 6, 3, 1, 2, 2, 1},
	} {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			oh := (c.h+2*c.pad-c.dilation*(c.k-1)-1)/c.stride + 1
			ow := (c.w+2*c.pad-c.dilation*(c.k-1)-1)/c.stride + 1
			xs, ws, os := []int{c.n, c.in, c.h, c.w}, []int{c.out, c.in / c.groups, c.k, c.k}, []int{c.n, c.out, oh, ow}
			x, w, b := ramp(size(xs)), ramp(size(ws)), ramp(c.out)
			var want []float64
			each(os, func(at []int) {
				s := b[at[1]]
				group := at[1] / (c.out / c.groups)
				each(ws[1:], func(k []int) {
					i, j := at[2]*c.stride-c.pad+k[1]*c.dilation, at[3]*c.stride-c.pad+k[2]*c.dilation
					if i >= 0 && i < c.h && j >= 0 && j < c.w {
						s += x[offset(xs, []int{at[0], group*ws[1] + k[0], i, j})] * w[offset(ws, []int{at[1], k[0], k[1], k[2]})]
					}
				})
				want = append(want, s)
			})
			inRun(t, func() {
				expect(t, "conv", FromFloat64(x, xs...).Conv2d(FromFloat64(w, ws...), FromFloat64(b, c.out), c.stride, c.pad, c.dilation, c.groups), os, want...)
			})
		})
	}
}

func TestBatchNorm(t *testing.T) {
	shape := []int{3, 2, 2, 2}
	x := ramp(24)
	inRun(t, func() {
		weight, bias := FromFloat64([]float64{2, 0.5}, 2), FromFloat64([]float64{-1, 3}, 2)
		mean, variance0 := FromFloat64([]float64{0.1, 0.2}, 2), FromFloat64([]float64{1.1, 0.9}, 2)
		var byChannel [2][]float64
		each(shape, func(at []int) { byChannel[at[1]] = append(byChannel[at[1]], x[offset(shape, at)]) })
		m, v := [2]float64{}, [2]float64{}
		for c := range 2 {
			m[c], v[c] = sum(byChannel[c])/12, variance(byChannel[c], 12)
		}
		want := func(m, v [2]float64) (out []float64) {
			each(shape, func(at []int) {
				c := at[1]
				out = append(out, (x[offset(shape, at)]-m[c])/math.Sqrt(v[c]+1e-5)*[]float64{2, 0.5}[c]+[]float64{-1, 3}[c])
			})
			return out
		}
		expect(t, "eval", d(shape...).BatchNorm(weight, bias, mean, variance0, false, 0.1, 1e-5), shape, want([2]float64{0.1, 0.2}, [2]float64{1.1, 0.9})...)
		expect(t, "train", d(shape...).BatchNorm(weight, bias, mean, variance0, true, 0.1, 1e-5), shape, want(m, v)...)
		expect(t, "running mean", mean, []int{2}, 0.9*0.1+0.1*m[0], 0.9*0.2+0.1*m[1])
		expect(t, "running variance", variance0, []int{2}, 0.9*1.1+0.1*v[0]*12/11, 0.9*0.9+0.1*v[1]*12/11)
	})
}

func TestPools(t *testing.T) {
	shape := []int{1, 2, 5, 5}
	x := ramp(50)
	pool := func(k, stride, pad, side int, f func(window []float64) float64) (out []float64) {
		each([]int{1, 2, side, side}, func(at []int) {
			var window []float64
			for i := range k {
				for j := range k {
					y, z := at[2]*stride-pad+i, at[3]*stride-pad+j
					if y >= 0 && y < 5 && z >= 0 && z < 5 {
						window = append(window, x[offset(shape, []int{0, at[1], y, z})])
					}
				}
			}
			out = append(out, f(window))
		})
		return out
	}
	highest := func(v []float64) float64 {
		m := v[0]
		for _, e := range v {
			m = max(m, e)
		}
		return m
	}
	mean := func(v []float64) float64 { return sum(v) / float64(len(v)) }
	inRun(t, func() {
		expect(t, "max", d(shape...).MaxPool2d(3, 2, 1), []int{1, 2, 3, 3}, pool(3, 2, 1, 3, highest)...)
		expect(t, "avg", d(shape...).AvgPool2d(3, 2, 1, false, true), []int{1, 2, 3, 3}, pool(3, 2, 1, 3, func(v []float64) float64 { return sum(v) / 9 })...)
		expect(t, "avg without padding", d(shape...).AvgPool2d(2, 2, 0, true, false), []int{1, 2, 3, 3}, pool(2, 2, 0, 3, mean)...)
		expect(t, "adaptive", d(shape...).AdaptiveAvgPool2d(1, 1), []int{1, 2, 1, 1}, pool(5, 1, 0, 1, mean)...)
	})
}

func TestLayerNorm(t *testing.T) {
	inRun(t, func() {
		weight, bias, x := []float64{1, 2, -1}, []float64{0, 0.5, -0.5}, ramp(6)
		var want []float64
		for r := 0; r < 6; r += 3 {
			row := x[r : r+3]
			mean := (row[0] + row[1] + row[2]) / 3
			variance := 0.0
			for _, v := range row {
				variance += (v - mean) * (v - mean) / 3
			}
			for i, v := range row {
				want = append(want, (v-mean)/math.Sqrt(variance+1e-5)*weight[i]+bias[i])
			}
		}
		expect(t, "LayerNorm", d(2, 3).LayerNorm(FromFloat64(weight, 3), FromFloat64(bias, 3), 1e-5), []int{2, 3}, want...)
	})
}

func TestSoftmaxes(t *testing.T) {
	inRun(t, func() {
		x := ramp(6)
		var soft, logs, unit []float64
		loss := 0.0
		labels := []int64{2, 0}
		for r := range 2 {
			s, n := 0.0, 0.0
			for _, v := range x[3*r : 3*r+3] {
				s, n = s+math.Exp(v), n+v*v
			}
			for i, v := range x[3*r : 3*r+3] {
				soft, logs, unit = append(soft, math.Exp(v)/s), append(logs, v-math.Log(s)), append(unit, v/math.Sqrt(n))
				if int64(i) == labels[r] {
					loss -= (v - math.Log(s)) / 2
				}
			}
		}
		expect(t, "Softmax", d(2, 3).Softmax(1), []int{2, 3}, soft...)
		expect(t, "LogSoftmax", d(2, 3).LogSoftmax(-1), []int{2, 3}, logs...)
		expect(t, "Normalize", d(2, 3).Normalize(1), []int{2, 3}, unit...)
		expect(t, "Normalize of zeros", Zeros([]int{1, 3}).Normalize(1), []int{1, 3}, 0, 0, 0)
		expect(t, "CrossEntropy", d(2, 3).CrossEntropy(FromInt64(labels, 2)), []int{}, loss)
	})
}

// Without the workaround in Conv2d, strided 1x1 convolutions with few channels crash.
func TestStridedPointwise(t *testing.T) {
	before := Threads()
	defer SetThreads(before)
	SetThreads(2)
	for dtype, tolerance := range map[Dtype]float64{Float32: 1e-5, BFloat16: 0.01} {
		t.Run(dtype.String(), func(t *testing.T) { stridedPointwise(t, dtype, tolerance) })
	}
}

func stridedPointwise(t *testing.T, dtype Dtype, tolerance float64) {
	for _, n := range []int{3, 5, 7} {
		for _, c := range []int{4, 8, 16} {
			inRun(t, func() {
				xs, ws := []int{n, c, 16, 16}, []int{2 * c, c, 1, 1}
				x := FromFloat64(ramp(size(xs)), xs...).To(dtype)
				gradient := func(x, w *Tensor) *Tensor {
					w.SetRequiresGrad(true)
					y := x.Conv2d(w, nil, 2, 0, 1, 1)
					y.BackwardFrom(OnesLike(y))
					return w.Grad().To(Float64)
				}
				want := gradient(x.To(Float64), Zeros(ws, Options{Dtype: Float64})).Float64s()
				// A processor without bfloat16 instructions may sum in bfloat16, so errors are relative to
				// the summands.
				terms := gradient(x.To(Float64).Abs(), Zeros(ws, Options{Dtype: Float64})).Float64s()
				for range 5 {
					got := gradient(x.Contiguous(ChannelsLast), Zeros(ws, Options{Dtype: dtype})).Float64s()
					for i := range want {
						what := fmt.Sprintf("%d images of %d channels: gradient %d", n, c, i)
						numeric.Near(t, what, got[i], want[i], tolerance*terms[i])
					}
				}
			})
		}
	}
}

// Operators of detectors equal their definitions, and so do their gradients.
func TestDetectorOperators(t *testing.T) {
	inRun(t, func() {
		xs, ws := []int{2, 3, 2, 2}, []int{3, 2, 2, 2}
		x, w, bias := ramp(size(xs)), ramp(size(ws)), ramp(2)
		var up, wide []float64
		each([]int{2, 2, 4, 4}, func(at []int) {
			s := bias[at[1]]
			for in := range 3 {
				s += x[offset(xs, []int{at[0], in, at[2] / 2, at[3] / 2})] * w[offset(ws, []int{in, at[1], at[2] % 2, at[3] % 2})]
			}
			up = append(up, s)
		})
		each([]int{2, 3, 4, 4}, func(at []int) { wide = append(wide, x[offset(xs, []int{at[0], at[1], at[2] / 2, at[3] / 2})]) })
		expect(t, "ConvTranspose2d", d(xs...).ConvTranspose2d(d(ws...), FromFloat64(bias, 2), 2), []int{2, 2, 4, 4}, up...)
		expect(t, "UpsampleNearest2d", d(xs...).UpsampleNearest2d(4, 4), []int{2, 3, 4, 4}, wide...)

		table := ramp(8) // [4, 2]
		bags := FromFloat64(table, 4, 2).EmbeddingBag(FromInt64([]int64{3, 0, 3, 2}, 4), FromInt64([]int64{0, 2, 2}, 3),
			FromFloat64([]float64{0.5, 2, -1, 3}, 4))
		expect(t, "EmbeddingBag", bags, []int{3, 2},
			0.5*table[6]+2*table[0], 0.5*table[7]+2*table[1], 0, 0, -table[6]+3*table[4], -table[7]+3*table[5])

		targets, loss := []float64{1, 0, 0.25, 1}, 0.0
		for i, v := range ramp(4) {
			loss += math.Max(v, 0) - v*targets[i] + math.Log1p(math.Exp(-math.Abs(v)))
		}
		expect(t, "BCEWithLogits", d(4).BCEWithLogits(FromFloat64(targets, 4)), []int{}, loss)
		differences(t, [][]int{{1, 3, 2, 2}, {3, 2, 2, 2}, {2}}, func(x []*Tensor) *Tensor {
			return x[0].ConvTranspose2d(x[1], x[2], 2).UpsampleNearest2d(8, 8)
		})
		differences(t, [][]int{{4, 2}}, func(x []*Tensor) *Tensor {
			indices, offsets := FromInt64([]int64{3, 0, 3, 2}, 4), FromInt64([]int64{0, 2, 2}, 3)
			return x[0].EmbeddingBag(indices, offsets, FromFloat64([]float64{0.5, 2, -1, 3}, 4))
		})
		differences(t, [][]int{{4}}, func(x []*Tensor) *Tensor {
			return x[0].BCEWithLogits(FromFloat64([]float64{1, 0, 0.25, 1}, 4))
		})
	})
}
