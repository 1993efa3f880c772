package train

import (
	"fmt"

	"contralens/config"
	"contralens/torch"
)

// ResumeCompute has a run that is resumed compute in the precision and the memory
// format that it was begun in, and with as many threads and workers, where the options
// leave them open. dir is the run directory.
func ResumeCompute(s *config.Shared, dir string) error {
	kept, err := Kept(s.Resume, dir)
	if err != nil {
		return err
	}
	switch {
	case kept.Precision == "":
	case s.Precision == "auto":
		s.Precision = kept.Precision
	case s.Precision != kept.Precision:
		return fmt.Errorf("--precision %s with --resume %s: want %s, in which that run was begun; leave --precision and --amp out, "+
			"or begin a run of another --name without --resume", s.Precision, s.Resume, kept.Precision)
	}
	if s.MemoryFormat == "auto" && kept.Format != "" {
		s.MemoryFormat = kept.Format
	}
	if s.Threads == 0 && kept.Threads > 0 {
		s.Threads = kept.Threads
		torch.SetThreads(s.Threads)
	}
	if s.Workers == 0 {
		s.Workers = kept.Workers
	}
	return nil
}
