package setup

import (
	"fmt"

	"contralens/checkpoint"
	"contralens/config"
	"contralens/internal/machine"
	"contralens/rundir"
	"contralens/torch"
)

// ComputeSettings is how a run computes. What is empty or 0 is not known.
type ComputeSettings struct {
	Precision, Format string // fp32 or bf16; channels_last or contiguous
	Threads, Workers  int    // that compute; that load images
}

// ResumeSettings returns how a run that is resumed with --resume computes. The checkpoint
// says it that resume names, for "auto" the newest one of the run in dir. If that run has
// none yet, its run.json says it. The result is empty where there is nothing to resume.
// Threads and workers are known if the last session ran on a machine of this kind. The
// error is that of a checkpoint that cannot be read.
func ResumeSettings(resume, dir string) (ComputeSettings, error) {
	if resume == "auto" {
		newest, _ := rundir.Newest(dir)
		if newest == "" {
			if r, err := rundir.ReadRecord(dir); err == nil && r != nil {
				return stored(r.Config), nil
			}
		}
		resume = newest
	}
	if resume == "" {
		return ComputeSettings{}, nil
	}
	file, err := checkpoint.Read(resume)
	if err != nil {
		return ComputeSettings{}, rundir.Otherwise(resume, err)
	}
	var record rundir.CheckpointRecord
	ours := rundir.DecodeRecord(file, &record) != nil
	c := stored(record.Config)
	switch {
	case !ours:
	case record.Machine == "": // from before splits were chosen: all computed, and as many loaded
		c.Threads, c.Workers = machine.Processors(), machine.Processors()
	case record.Machine == machine.Kind():
		c.Threads, c.Workers = record.Threads, record.Workers
	}
	return c, nil
}

// stored is what options say. Runs from when there was but one format do not name it.
func stored(options map[string]string) ComputeSettings {
	c := ComputeSettings{Precision: options["precision"], Format: options["memory_format"]}
	if c.Precision != "" && c.Format == "" {
		c.Format = "channels_last"
	}
	return c
}

// ResumeCompute makes a resumed run compute as it began: in its precision and memory
// format, and with its threads and workers, where the options leave them open. resume
// is the checkpoint, or auto for the newest in the run directory dir.
func ResumeCompute(m *config.Machine, resume, dir string) error {
	before, err := ResumeSettings(resume, dir)
	if err != nil {
		return err
	}
	switch {
	case before.Precision == "":
	case m.Precision == "auto":
		m.Precision = before.Precision
	case m.Precision != before.Precision:
		return fmt.Errorf("--precision %s with --resume %s: want %s, in which that run was begun; leave --precision "+
			"and --amp out, or begin a run of another --name without --resume", m.Precision, resume, before.Precision)
	}
	if m.MemoryFormat == "auto" && before.Format != "" {
		m.MemoryFormat = before.Format
	}
	if m.Threads == 0 && before.Threads > 0 {
		m.Threads = before.Threads
		torch.SetThreads(m.Threads)
	}
	if m.Workers == 0 {
		m.Workers = before.Workers
	}
	return nil
}
