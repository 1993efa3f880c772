package setup

import (
	"contralens/autotune"
	"contralens/config"
	"contralens/nn"
	"contralens/torch"
)

// Precision settles the precision and memory format of s for training a network, where
// the options leave them open. A batch is cut into that many micro-batches. described
// says what was chosen; "" if nothing was measured. Call it inside torch.Run.
func Precision(t *autotune.Tuner, s *config.Shared, net nn.Config, microBatches int) (described string, err error) {
	defer s.Settle()
	w := workload(s, net, microBatches)
	w.Given = autotune.Setting{Precision: s.Precision, Format: s.MemoryFormat}
	chosen, described, err := t.Precision(w)
	s.Precision, s.MemoryFormat = chosen.Precision, chosen.Format
	return described, err
}

// SplitThreads settles, likewise, how many threads compute and how many workers load
// images, and sets the number of compute threads. asked is the precision of the options
// before Precision settled it.
func SplitThreads(t *autotune.Tuner, s *config.Shared, asked string, net nn.Config, microBatches int,
	images autotune.Images) (described string, err error) {
	w := workload(s, net, microBatches)
	w.Given = autotune.Setting{
		Precision: s.Precision, Format: s.MemoryFormat, Threads: s.Threads, Workers: s.Workers,
	}
	w.Images = &images
	chosen, described, err := t.SplitThreads(w, asked)
	s.Threads, s.Workers = chosen.Threads, chosen.Workers
	return described, err
}

func workload(s *config.Shared, net nn.Config, microBatches int) autotune.Workload {
	return autotune.Workload{
		Net: net, Batch: s.BatchSize / max(1, microBatches), Side: s.InputRes, Threads: torch.Threads(),
	}
}
