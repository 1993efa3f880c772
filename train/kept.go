package train

import (
	"contralens/checkpoint"
	"contralens/internal/machine"
	"contralens/statedict"
)

// Computing is how a run computes. What is empty or 0 is not known.
type Computing struct {
	Precision, Format string // fp32 or bf16; channels_last or contiguous
	Threads, Workers  int    // that compute; that load images
}

// Kept is how the run computes that goes on with --resume: what the record of the
// checkpoint says that resume names, or the newest one of the run in dir, or without
// one run.json, of what a run of that name must not differ in. It is empty where there
// is nothing to go on from. The split of processors is that of the last run on a
// machine of this kind. The error is that of a checkpoint that cannot be read.
func Kept(resume, dir string) (Computing, error) {
	if resume == "auto" {
		newest, _ := Newest(dir)
		if newest == "" {
			if r, err := readRecord(dir); err == nil && r != nil {
				return stored(r.Config["precision"], r.Config["memory_format"]), nil
			}
		}
		resume = newest
	}
	if resume == "" {
		return Computing{}, nil
	}
	file, err := checkpoint.Read(resume)
	if err != nil {
		return Computing{}, otherwise(resume, err)
	}
	record := statedict.Items(file.Get("contralens"))
	options := statedict.Items(record.Get("config"))
	precision, _ := options.Get("precision").(string)
	format, _ := options.Get("memory_format").(string)
	c := stored(precision, format)
	switch on, _ := record.Get("machine").(string); {
	case record == nil:
	case on == "": // from before splits were chosen: all computed, and as many loaded
		c.Threads, c.Workers = machine.Processors(), machine.Processors()
	case on == machine.Kind():
		c.Threads, c.Workers = statedict.Int(record.Get("threads")), statedict.Int(record.Get("workers"))
	}
	return c, nil
}

// stored fills in the format of runs from when there was but one.
func stored(precision, format string) Computing {
	if precision != "" && format == "" {
		format = "channels_last"
	}
	return Computing{Precision: precision, Format: format}
}
