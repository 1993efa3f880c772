package main

import (
	"fmt"

	"contralens/autotune"
	"contralens/config"
	"contralens/internal/machine"
	"contralens/torch"
	"contralens/train"
)

// watchLoad is machine.WatchLoad, unless a test replaces it.
var watchLoad = machine.WatchLoad

// tuner measures what the options leave open, shows on a terminal what it measures, and
// gives notes to print.
func tuner(retune bool, print func(format string, args ...any)) *autotune.Tuner {
	return &autotune.Tuner{
		Cache: autotune.UserCache(train.Commit()), Retune: retune, Note: print, Show: display, Load: watchLoad,
	}
}

// resumeAs has a run that is resumed go on in the precision and the memory format
// that it was begun in, and with as many threads and workers, where the options leave
// them open. dir is the run directory.
func resumeAs(s *config.Shared, dir string) error {
	kept, err := train.Kept(s.Resume, dir)
	if err != nil {
		return err
	}
	switch {
	case kept.Precision == "":
	case s.Precision == autotune.Auto:
		s.Precision = kept.Precision
	case s.Precision != kept.Precision:
		return fmt.Errorf("--precision %s with --resume %s: want %s, in which that run was begun; leave --precision and --amp out, or begin a run of another --name without --resume", s.Precision, s.Resume, kept.Precision)
	}
	if s.MemoryFormat == autotune.Auto && kept.Format != "" {
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
