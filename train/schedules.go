package train

import (
	"contralens/optim"
	"contralens/setup"
)

// adjust gives the model what its options let change from step to step, before the next step.
func (r *Run) adjust() {
	c, m := &r.Config, r.Model
	if m.Synthesis = nil; r.Epoch > c.SyntheticStart {
		m.Synthesis = setup.Synthesis(c.Relatives)
	}
	if c.HighestTau > 0 {
		epochs := float64(r.GlobalStep) / float64(r.Batches)
		period := c.PeriodEpochs
		if period == 0 {
			period = float64(c.Epochs)
		}
		m.Temperature = optim.Swing(c.Temperature, c.HighestTau, epochs, period)
	}
	if c.AlphaSchedule == "cosine" {
		m.Alpha = optim.Rise(c.Alpha, r.GlobalStep, c.Epochs*r.Batches)
	}
}
