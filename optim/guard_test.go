package optim

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"testing"

	"contralens/internal/golden"
	"contralens/torch"
)

// weights are two parameters on a device, and their loss Σ (w·x)².
func weights(d torch.Device) (ws []*torch.Tensor, loss func(x float64) *torch.Tensor) {
	for i := range 2 {
		w := torch.FromFloat32([]float32{1, -2, float32(i)}, 3).ToDevice(d).SetRequiresGrad(true)
		ws = append(ws, w)
	}
	return ws, func(x float64) *torch.Tensor {
		return ws[0].MulScalar(x).Square().Sum().Add(ws[1].MulScalar(x).Square().Sum())
	}
}

// TestGuardedStep: a guarded step is the plain one until a loss is not finite. Then it and
// those that follow change nothing, until they are released.
func TestGuardedStep(t *testing.T) {
	torch.TestDevices(t, func(t *testing.T, d torch.Device) {
		err := torch.Run(func() error {
			torch.Scoped(func() {
				plain, plainLoss := weights(torch.CPU)
				guarded, guardedLoss := weights(d)
				p, g := NewSGD(plain, 0.9, 0.01), NewSGD(guarded, 0.9, 0.01)
				defer p.Free()
				defer g.Free()
				p.Scales, g.Scales = []float64{1, 0.5}, []float64{1, 0.5}
				for i, x := range []float64{1, 2, math.NaN(), 3, 1} {
					if i == 4 {
						g.Release()
					}
					bad := i == 2 || i == 3
					if !bad {
						plainLoss(x).Backward()
						p.Step(0.05)
					}
					loss, r, stopped := guardedLoss(x), torch.NewReadback(d).Defer(), !bad
					loss.Backward()
					g.GuardedStep(0.05, loss)
					g.Stopped(r, func(s bool) { stopped = s })
					r.Wait()
					if stopped != bad {
						t.Errorf("step %d: stopped is %v", i, stopped)
					}
					for j := range plain {
						same(t, fmt.Sprint("step ", i), d, guarded[j], plain[j])
						same(t, fmt.Sprint("momentum of step ", i), d, g.Buffers[j], p.Buffers[j])
						if guarded[j].Grad() != nil {
							t.Error("a gradient is left")
						}
					}
				}
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// same compares a tensor of a device with one of the CPU: bit by bit on the CPU.
func same(t *testing.T, what string, d torch.Device, got, want *torch.Tensor) {
	t.Helper()
	g, w := got.Float32s(), want.Float32s()
	if !d.IsCPU() {
		golden.Near(t, what, g, w, 1e-6)
	} else if !slices.Equal(g, w) {
		t.Errorf("%s: %v, want %v", what, g, w)
	}
}

// TestUpdateCalls: an update calls C as often for two parameters as for 200, and seldom.
func TestUpdateCalls(t *testing.T) {
	if !torch.FusesUpdates() {
		t.Skipf("libtorch %s has the fused update on a GPU alone", torch.Version())
	}
	err := torch.Run(func() error {
		torch.Scoped(func() {
			var calls []int64
			for _, n := range []int{1, 2, 200} { // the first one looks up the operators
				var ws []*torch.Tensor
				loss := torch.Zeros(nil)
				for range n {
					w := torch.Ones([]int{3}).SetRequiresGrad(true)
					ws, loss = append(ws, w), loss.Add(w.Sum())
				}
				loss.Backward()
				s := NewSGD(ws, 0.9, 0.01)
				s.guard.on(torch.CPU)
				before := runtime.NumCgoCall()
				torch.NoGrad(func() { torch.Scoped(func() { s.guardFused(0.1, loss) }) })
				calls = append(calls, runtime.NumCgoCall()-before)
				s.Free()
			}
			if calls[1] != calls[2] || calls[1] > 25 {
				t.Errorf("%d calls of C for 2 parameters and %d for 200, want as many and at most 25", calls[1], calls[2])
			}
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestFusedUpdate holds the update of a device to the plain one, with layer-wise rates.
func TestFusedUpdate(t *testing.T) {
	if !torch.FusesUpdates() {
		t.Skipf("libtorch %s has the fused update on a GPU alone", torch.Version())
	}
	err := torch.Run(func() error {
		torch.Scoped(func() {
			var after [2][]float32
			for i := range after {
				ws, loss := weights(torch.CPU)
				s := NewSGD(ws, 0.9, 0.01)
				s.Scales = []float64{1, 0.5}
				for range 50 {
					loss(0.7).Backward()
					torch.NoGrad(func() {
						torch.Scoped(func() {
							if u := s.take(); i == 0 {
								u.plain(s, 0.02)
							} else {
								u.fused(s, 0.02, nil)
							}
						})
					})
				}
				after[i] = slices.Concat(ws[0].Float32s(), ws[1].Float32s())
				s.Free()
			}
			golden.Near(t, "50 steps", after[1], after[0], 1e-5)
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
