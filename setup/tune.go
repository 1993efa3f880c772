package setup

import (
	"contralens/autotune"
	"contralens/config"
	"contralens/nn"
	"contralens/torch"
)

// Step describes the computation of one training step.
type Step struct {
	Net   nn.Config
	Batch int // number of images; of a microbatch if batches are split
	Side  int // side of a view in pixels
}

// ContrastStep describes the step of a pre-training run.
func ContrastStep(c *config.Contrast, net nn.Config) Step {
	return Step{net, c.BatchSize / max(1, c.Accum), c.InputRes}
}

// Precision chooses the precision and memory format of m for training a network, if the
// options leave them open. described tells what was chosen; it is "" if nothing was
// open. Call it inside torch.Run.
func Precision(t *autotune.Tuner, m *config.Machine, s Step) (described string, err error) {
	defer m.Settle()
	w := s.workload()
	w.Given = autotune.Setting{Precision: m.Precision, Format: m.MemoryFormat}
	chosen, described, err := t.Precision(w)
	m.Precision, m.MemoryFormat = chosen.Precision, chosen.Format
	return described, err
}

// SplitThreads chooses how many threads compute and how many workers load images, if
// the options leave them open, and sets the number of compute threads. asked is the
// precision in the options before Precision chose one. described is as for Precision; rate
// is the speed of the split in images per second, or 0 if nothing was measured.
func SplitThreads(
	t *autotune.Tuner, m *config.Machine, asked string, s Step, images autotune.Images,
) (described string, rate float64, err error) {
	w := s.workload()
	w.Given = autotune.Setting{
		Precision: m.Precision, Format: m.MemoryFormat, Threads: m.Threads, Workers: m.Workers,
	}
	w.Images = &images
	chosen, described, err := t.SplitThreads(w, asked)
	m.Threads, m.Workers = chosen.Threads, chosen.Workers
	return described, chosen.Rate, err
}

func (s Step) workload() autotune.Workload {
	return autotune.Workload{Net: s.Net, Batch: s.Batch, Side: s.Side, Threads: torch.Threads()}
}
