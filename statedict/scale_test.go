package statedict

import (
	"testing"

	"contralens/checkpoint"
	"contralens/internal/tensortest"
	"contralens/optim"
	"contralens/torch"
)

// The scale of a loss survives a checkpoint. Other checkpoints have none, and leave it.
func TestScaleIsSaved(t *testing.T) {
	tensortest.Run(t, func() {
		var from, to optim.SGD
		if saved := LossScale(from.Scale); saved != nil {
			t.Errorf("without a scale, %v is saved", saved)
		}
		from.ScaleLoss(torch.CPU)
		to.ScaleLoss(torch.CPU)
		defer from.Free()
		defer to.Free()
		from.Scale.SetState(1024, 17)
		LoadLossScale(to.Scale, checkpoint.Dict{})
		if scale, _ := to.Scale.State(); scale != optim.FirstScale {
			t.Errorf("a checkpoint without a scale makes it %v", scale)
		}
		LoadLossScale(to.Scale, LossScale(from.Scale))
		if scale, steps := to.Scale.State(); scale != 1024 || steps != 17 {
			t.Errorf("loaded %v after %d steps, want 1024 after 17", scale, steps)
		}
		LoadLossScale(nil, LossScale(from.Scale))
	})
}
