package torch

import (
	"math"
	"slices"
	"testing"
)

// TestGrads: gradients are fetched by one call, in order, and dropped if they are taken.
func TestGrads(t *testing.T) {
	inRun(t, func() {
		ps := []*Tensor{Ones([]int{2}).SetRequiresGrad(true), Ones([]int{1}).SetRequiresGrad(true), Ones([]int{1})}
		ps[0].MulScalar(3).Sum().Backward()
		for _, c := range []struct {
			name   string
			grads  func([]*Tensor) []*Tensor
			before bool
		}{{"Grads", Grads, true}, {"TakeGrads", TakeGrads, true}, {"after TakeGrads", Grads, false}} {
			got := c.grads(ps)
			if len(got) != 3 || got[1] != nil || got[2] != nil || (got[0] != nil) != c.before {
				t.Fatalf("%s: got %v", c.name, got)
			}
			if c.before && !slices.Equal(got[0].Float32s(), []float32{3, 3}) {
				t.Errorf("%s: got %v", c.name, got[0].Float32s())
			}
		}
		if ps[0].Grad() != nil {
			t.Error("the gradient is still there")
		}
	})
}

// TestFusedUpdates compares the updates in one pass with their formulas, and checks that
// nothing changes once a value was not finite.
func TestFusedUpdates(t *testing.T) {
	TestDevices(t, func(t *testing.T, device Device) {
		if device.IsCPU() && !FusesUpdates() {
			t.Skipf("libtorch %s has these operators on a GPU alone", Version())
		}
		inRun(t, func() {
			on := Options{Device: device}
			for _, μ := range []float64{0.9, 0} {
				for _, bad := range []bool{false, true} {
					θ, v, g := d(7).To(Float32).ToDevice(device), d(7).To(Float32).MulScalar(0.5).ToDevice(device), d(7).To(Float32).Neg().ToDevice(device)
					found, inverse := Zeros(nil, on), Full(nil, 0.5, on)
					if bad {
						g = Cat([]*Tensor{g.Narrow(0, 0, 6), Full([]int{1}, math.Inf(1), on)}, 0)
					}
					θ0, v0, g0 := θ.Float64s(), v.Float64s(), g.Float64s()
					Unscale_([]*Tensor{Ones([]int{3}, on), g}, found, inverse)
					FusedSGD_([]*Tensor{θ}, []*Tensor{g}, []*Tensor{v}, SGDStep{Rate: 0.1, Momentum: μ, WeightDecay: 0.01, Found: found})
					wantθ, wantV := slices.Clone(θ0), slices.Clone(v0)
					for i := range θ0 {
						if bad {
							continue
						}
						wantV[i] = μ*v0[i] + 0.5*g0[i] + 0.01*θ0[i]
						wantθ[i] = θ0[i] - 0.1*wantV[i]
					}
					if μ == 0 {
						wantV = v0
					}
					near32(t, "θ", θ, wantθ)
					near32(t, "v", v, wantV)
					if got := found.Item() == 1; got != bad {
						t.Errorf("found a value that is not finite: %v, want %v", got, bad)
					}
				}
			}
			for _, stopped := range []float64{0, 1} {
				θ, u := d(7).To(Float32).ToDevice(device), d(7).To(Float32).Square().ToDevice(device)
				want, u0 := θ.Float64s(), u.Float64s()
				for i := range want {
					want[i] += (1 - stopped) * 0.2 * (u0[i] - want[i])
				}
				FusedLerp_([]*Tensor{θ}, []*Tensor{u}, 0.2, Full(nil, stopped, on))
				near32(t, "lerp", θ, want)
				near32(t, "the other", u, u0)
			}
		})
	})
}

// near32 compares a float32 tensor with values up to rounding.
func near32(t *testing.T, what string, got *Tensor, want []float64) {
	t.Helper()
	for i, v := range got.Float64s() {
		if !(math.Abs(v-want[i]) <= 1e-6*(1+math.Abs(want[i]))) {
			t.Errorf("%s: element %d is %v, want %v", what, i, v, want[i])
		}
	}
}

// TestUpdateScale: an overflow halves the scale and forgets the steps; enough steps without
// one double it.
func TestUpdateScale(t *testing.T) {
	if !FusesUpdates() {
		t.Skipf("libtorch %s has the operator on a GPU alone", Version())
	}
	inRun(t, func() {
		scale, tracker := Full([]int{1}, 8), Zeros([]int{1}, Options{Dtype: Int32})
		for i, c := range []struct{ found, scale, steps float64 }{{0, 8, 1}, {1, 4, 0}, {0, 4, 1}, {0, 8, 0}} {
			UpdateScale_(scale, tracker, Full(nil, c.found), 2, 0.5, 2)
			if scale.Item() != c.scale || tracker.Item() != c.steps {
				t.Errorf("step %d: scale %v after %v steps, want %v after %v", i, scale.Item(), tracker.Item(), c.scale, c.steps)
			}
		}
	})
}

// Autocast changes nothing for a type that is no half.
func TestHalf(t *testing.T) {
	inRun(t, func() {
		for d, half := range map[Dtype]bool{BFloat16: true, Float16: true, Float32: false, Uint8: false} {
			if d.Half() != half {
				t.Errorf("%v: half is %v", d, d.Half())
			}
			if half {
				continue // the CPU has no autocast to float16 in every libtorch
			}
			Autocast(CPU, d, func() {
				if y := Ones([]int{2, 2}).Mm(Ones([]int{2, 2})); y.Dtype() != Float32 {
					t.Errorf("%v: a product is %v", d, y.Dtype())
				}
			})
		}
	})
}
