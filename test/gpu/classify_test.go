package gpu

import (
	"context"
	"testing"

	"contralens/eval/classify"
	"contralens/internal/fakegpu"
	"contralens/optim"
	"contralens/torch"
)

// A classifier on cached features trains without waiting for its steps: their figures come
// home together, and what a step sends lies in page-locked memory.
func TestClassifierWaits(t *testing.T) {
	onFake(t)
	const rows, dim, classes, batch, steps = 800, 16, 3, 4, 200
	err := torch.Run(func() error {
		var err error
		torch.Scoped(func() {
			labels := make([]int64, rows)
			for i := range labels {
				labels[i] = int64(i % classes)
			}
			head := classify.NewLinear(classes, dim, 1, torch.CUDA(0))
			defer head.Free()
			optimizer := optim.NewSGD(head.Parameters(), 0.9, 0)
			defer optimizer.Free()
			reported := 0
			features := torch.Zeros([]int{rows, dim}, torch.Options{Device: torch.CUDA(0)})
			trainer := &classify.Trainer{
				Source:   &classify.Cached{Features: features, Labels: labels, Batch: batch},
				Features: classify.Identity, Heads: []*classify.Linear{head}, Optimizer: optimizer,
				Schedule: optim.Schedule{Rate: 0.1, Epochs: 2}, Epochs: 2,
				OnStep: func(classify.Step) error { reported++; return nil },
			}
			var before fakegpu.Counts
			trainer.OnEpoch = func(classify.Totals) error {
				now := fakegpu.Read()
				if spent := now.Sub(before); trainer.Epoch == 2 {
					if n := spent.Sum("wait").Number; n > steps/50 {
						t.Errorf("%d waits in an epoch of %d steps, want at most %d", n, steps, steps/50)
					}
					if n := spent.Sum("copy", "pageable").Number; n > 0 {
						t.Errorf("%d copies from or to pageable memory", n)
					}
				}
				before = now
				return nil
			}
			if err = trainer.Do(context.Background()); err == nil && reported != 2*steps {
				t.Errorf("%d steps reported, want %d", reported, 2*steps)
			}
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
