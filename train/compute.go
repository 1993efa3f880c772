package train

import (
	"fmt"

	"contralens/config"
	"contralens/torch"
)

// ResumeCompute makes a resumed run compute as it began: in its precision and memory
// format, and with its threads and workers, where the options leave them open. resume
// is the checkpoint, or auto for the newest in the run directory dir.
func ResumeCompute(m *config.Machine, resume, dir string) error {
	kept, err := Kept(resume, dir)
	if err != nil {
		return err
	}
	switch {
	case kept.Precision == "":
	case m.Precision == "auto":
		m.Precision = kept.Precision
	case m.Precision != kept.Precision:
		return fmt.Errorf("--precision %s with --resume %s: want %s, in which that run was begun; leave --precision and --amp out, "+
			"or begin a run of another --name without --resume", m.Precision, resume, kept.Precision)
	}
	if m.MemoryFormat == "auto" && kept.Format != "" {
		m.MemoryFormat = kept.Format
	}
	if m.Threads == 0 && kept.Threads > 0 {
		m.Threads = kept.Threads
		torch.SetThreads(m.Threads)
	}
	if m.Workers == 0 {
		m.Workers = kept.Workers
	}
	return nil
}
