package torch

import (
	"slices"
	"testing"
)

// readAll reads tensors of all kinds through r and returns what arrived, in order, and
// how much had arrived before Wait.
func readAll(r *Readback, d Device) (got [][]float64, early int) {
	keep := func(v []float64) { got = append(got, v) }
	half := FromFloat32([]float32{1.5, -2}, 2)
	for _, t := range []*Tensor{
		Scalar(0.1), FromFloat64([]float64{1e300, 3}, 2), FromInt64([]int64{-1 << 40, 7}, 2), Ones([]int{3}).Gt(Zeros([]int{3})),
		half.To(BFloat16), half.To(Float16), FromUint8([]uint8{255}, 1), Zeros([]int{0, 4}),
		FromFloat32([]float32{1, 2, 3, 4, 5, 6}, 2, 3).T(), FromInt64([]int64{5, 6}, 2).To(Int32),
	} {
		Scoped(func() { r.Values(t.ToDevice(d), keep) })
	}
	r.Then(func() { got = append(got, []float64{float64(len(got))}) })
	x := Ones([]int{1}, Options{Device: d}).SetRequiresGrad(true)
	r.Value(x.MulScalar(2), func(v float64) { got = append(got, []float64{v}) })
	early = len(got)
	r.Start()
	r.Wait()
	return got, early
}

// TestReadback compares what is put off with what is read at once.
func TestReadback(t *testing.T) {
	want := [][]float64{{float64(float32(0.1))}, {1e300, 3}, {-1 << 40, 7}, {1, 1, 1}, {1.5, -2}, {1.5, -2}, {255}, {},
		{1, 4, 2, 5, 3, 6}, {5, 6}, {10}, {2}}
	TestDevices(t, func(t *testing.T, d Device) {
		for _, c := range []struct {
			name  string
			r     *Readback
			early int
		}{{"nil", nil, len(want)}, {"deferred", NewReadback(d).Defer(), 0}} {
			t.Run(c.name, func(t *testing.T) {
				inRun(t, func() {
					for range 2 { // a Readback can be used again
						got, early := readAll(c.r, d)
						if early != c.early {
							t.Errorf("%d results before Wait, want %d", early, c.early)
						}
						if !slices.EqualFunc(got, want, slices.Equal) {
							t.Errorf("got %v, want %v", got, want)
						}
					}
				})
			})
		}
		if r := NewReadback(d); r.Deferred() == d.IsCPU() {
			t.Errorf("%v: deferred is %v", d, r.Deferred())
		}
	})
}

func TestReadbackEmptyAndFreed(t *testing.T) {
	inRun(t, func() {
		r := NewReadback(CPU).Defer()
		r.Start()
		r.Wait()
		called := false
		use := func([]float64) { called = true }
		r.Values(Ones([]int{2}), use)
		r.Free()
		r.Values(Ones([]int{2}), use)
		r.Start()
		r.Free()
		r.Wait()
		if called {
			t.Error("a dropped result was used")
		}
		r.Values(Ones([]int{2}), use)
		r.Wait() // without Start
		if !called {
			t.Error("the result did not arrive")
		}
		r.Then(func() { called = false })
		if r.Wait(); called {
			t.Error("Then was not called without values")
		}
		(*Readback)(nil).Start()
		(*Readback)(nil).Wait()
		(*Readback)(nil).Free()
	})
}
