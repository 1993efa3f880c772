package optim

import (
	"math"
	"testing"

	"contralens/torch"
)

// Scaled steps are those without a scale, whatever the scale is. An overflow stops one step,
// and halves the scale; a scale below 1 is a loss that diverges.
func TestLossScale(t *testing.T) {
	if !torch.FusesUpdates() {
		t.Skipf("libtorch %s scales losses on a GPU alone", torch.Version())
	}
	err := torch.Run(func() error {
		torch.Scoped(func() {
			plain, plainLoss := weights(torch.CPU)
			scaled, scaledLoss := weights(torch.CPU)
			p, s := NewSGD(plain, 0.9, 0.01), NewSGD(scaled, 0.9, 0.01)
			defer p.Free()
			defer s.Free()
			s.ScaleLoss(torch.CPU)
			s.Scale.SetState(FirstScale, GrowthInterval-2)
			stopped := func() (now bool) { s.Stopped(nil, func(v bool) { now = v }); return now }
			expect := func(step int, scale float64, steps int) {
				t.Helper()
				if got, n := s.Scale.State(); got != scale || n != steps {
					t.Errorf("step %d: scale %v after %d steps, want %v after %d", step, got, n, scale, steps)
				}
				for i := range plain {
					same(t, "weights", torch.CUDA(0), scaled[i], plain[i])
				}
			}
			step := func(x float64) {
				loss := scaledLoss(x)
				s.Scaled(loss).Backward()
				s.GuardedStep(0.05, loss)
			}
			for i := range 2 {
				plainLoss(1).Backward()
				p.Step(0.05)
				step(1)
				if i == 0 {
					expect(i, FirstScale, GrowthInterval-1)
				}
			}
			expect(2, 2*FirstScale, 0)
			step(math.Inf(1)) // changes nothing
			expect(3, FirstScale, 0)
			if stopped() {
				t.Error("one overflow stops the training")
			}
			for range 17 {
				step(math.NaN())
			}
			if expect(20, 0.5, 0); !stopped() {
				t.Error("a loss that stays NaN does not stop the training")
			}
			s.Release()
			if expect(21, FirstScale, 0); stopped() {
				t.Error("released, it is still stopped")
			}
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
