package optim

import (
	"math"
	"testing"

	"contralens/torch"
)

// Scaled steps are those without a scale, whatever the scale is. Gradients that overflow stop
// one step, and halve the scale; a scale below 1 is a loss that diverges. A loss that is not
// finite itself stops all steps at once.
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
			update := func(loss *torch.Tensor) {
				s.Scaled(loss).Backward()
				s.GuardedStep(0.05, loss)
			}
			step := func(x float64) { update(scaledLoss(x)) }
			overflow := func() { // adds √0, whose derivative is not finite
				w := scaled[0]
				update(scaledLoss(1).Add(w.Sub(w.Detach()).Square().Sum().Sqrt()))
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
			overflow() // changes nothing
			expect(3, FirstScale, 0)
			if stopped() {
				t.Error("one overflow stops the training")
			}
			for range 17 {
				overflow()
			}
			if expect(20, 0.5, 0); !stopped() {
				t.Error("gradients that stay infinite do not stop the training")
			}
			s.Release()
			if expect(21, FirstScale, 0); stopped() {
				t.Error("released, it is still stopped")
			}
			for i, x := range []float64{math.NaN(), 1} { // nothing changes until it is released
				step(x)
				for j := range plain {
					same(t, "weights", torch.CUDA(0), scaled[j], plain[j])
				}
				if !stopped() {
					t.Errorf("step %d: a loss of NaN does not stop the training", 22+i)
				}
			}
			s.Release()
			plainLoss(1).Backward()
			p.Step(0.05)
			step(1)
			if expect(24, FirstScale, 1); stopped() {
				t.Error("released, it is still stopped")
			}
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
