package setup

import (
	"fmt"

	"contralens/checkpoint"
	"contralens/config"
	"contralens/internal/machine"
	"contralens/rundir"
	"contralens/torch"
)

// ComputeSettings are the settings that determine how a run computes. Empty or 0 means
// unknown.
type ComputeSettings struct {
	Precision, Format string // fp32 or bf16; channels_last or contiguous
	Threads, Workers  int    // compute threads; goroutines that load images
	Groups            int    // batch-norm groups of a batch
}

// ResumeSettings returns how a run resumed with --resume computed before. The settings
// come from the checkpoint that resume names, or for "auto" from the newest one of the
// run in dir. If that run has no checkpoint yet, they come from its run.json. The
// result is empty if there is nothing to resume. Threads and Workers are known only if
// the last session ran on a machine of this kind. The error is that of a checkpoint
// that cannot be read.
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
	c.Groups = record.Groups
	switch {
	case !ours:
	case record.Machine == "": // older record: all processors computed, as many workers loaded
		c.Threads, c.Workers = machine.Processors(), machine.Processors()
	case record.Machine == machine.Kind():
		c.Threads, c.Workers = record.Threads, record.Workers
	}
	return c, nil
}

// stored reads settings from recorded options. Records without a memory format are from
// runs in channels_last, which was the only one at the time.
func stored(options map[string]string) ComputeSettings {
	c := ComputeSettings{Precision: options["precision"], Format: options["memory_format"]}
	if c.Precision != "" && c.Format == "" {
		c.Format = "channels_last"
	}
	return c
}

// SameState reports whether a checkpoint of one precision has all that the other needs.
// tf32 rounds the products of fp32, and fp16 has a loss scale, with which fp32 begins
// again.
func SameState(a, b string) bool {
	float := func(p string) bool { return p == "fp32" || p == "tf32" || p == "fp16" }
	return a == b || float(a) && float(b)
}

// ResumeCompute makes a resumed run compute as it began: in the same precision and
// memory format, and with the same threads and workers, unless the options set them.
// resume is the checkpoint, or "auto" for the newest in the run directory dir.
func ResumeCompute(m *config.Machine, resume, dir string) error {
	before, err := ResumeSettings(resume, dir)
	if err != nil {
		return err
	}
	switch {
	case before.Precision == "":
	case m.Precision == "auto":
		m.Precision = before.Precision
		AdoptPrecision(m)
	case SameState(m.Precision, before.Precision):
	case m.Precision != before.Precision:
		return fmt.Errorf("--precision %s with --resume %s: want %s, as in that run so far; leave --precision "+
			"and --amp out, or start a run with another --name and without --resume", m.Precision, resume, before.Precision)
	}
	if m.MemoryFormat == "auto" && before.Format != "" {
		m.MemoryFormat = before.Format
	}
	if OnGPU(*m) {
		return nil // see Host
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
