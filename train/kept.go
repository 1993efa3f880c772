package train

import (
	"strconv"

	"contralens/checkpoint"
	"contralens/statedict"
	"contralens/tune"
)

// Kept is how the run computes that goes on with --resume: what run.json says of
// the run in dir, or the record of the checkpoint that resume names. It is empty
// where there is nothing to go on from, and in parts where that does not say. A
// split of processors is kept on machines of the same kind. The error is that of a
// checkpoint that cannot be read.
func Kept(resume, dir string) (tune.Choice, error) {
	if resume == "" {
		return tune.Choice{}, nil
	}
	if resume == "auto" {
		if r, err := readRecord(dir); err == nil && r != nil {
			threads, _ := strconv.Atoi(r.Config["threads"])
			workers, _ := strconv.Atoi(r.Config["num_workers"])
			return stored(r.Config["precision"], r.Config["memory_format"], threads, workers, r.Machine), nil
		}
		if resume, _ = Newest(dir); resume == "" {
			return tune.Choice{}, nil
		}
	}
	file, err := checkpoint.Read(resume)
	if err != nil {
		return tune.Choice{}, otherwise(resume, err)
	}
	record := statedict.Items(file.Get("contralens"))
	options := statedict.Items(record.Get("config"))
	precision, _ := options.Get("precision").(string)
	format, _ := options.Get("memory_format").(string)
	on, _ := record.Get("machine").(string)
	return stored(precision, format, statedict.Int(record.Get("threads")), statedict.Int(record.Get("workers")), on), nil
}

// stored fills in the format of runs from when there was but one.
func stored(precision, format string, threads, workers int, on string) tune.Choice {
	if precision != "" && format == "" {
		format = "channels_last"
	}
	c := tune.Choice{Precision: precision, Format: format}
	if on == machine() {
		c.Threads, c.Workers = threads, workers
	}
	return c
}
