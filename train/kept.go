package train

import (
	"contralens/checkpoint"
	"contralens/statedict"
)

// Kept is how the run computes that goes on with --resume: what run.json says of
// the run in dir, or the record of the checkpoint that resume names. Both are empty
// where there is nothing to go on from, or where it does not say; a checkpoint that
// cannot be read is Load's to complain about.
func Kept(resume, dir string) (precision, format string) {
	if resume == "" {
		return "", ""
	}
	if resume == "auto" {
		if r, err := readRecord(dir); err == nil && r != nil {
			return stored(r.Config["precision"], r.Config["memory_format"])
		}
		resume, _ = Newest(dir)
	}
	file, err := checkpoint.Read(resume)
	if err != nil {
		return "", ""
	}
	record := statedict.Items(file.Get("contralens"))
	options := statedict.Items(record.Get("config"))
	precision, _ = options.Get("precision").(string)
	format, _ = options.Get("memory_format").(string)
	return stored(precision, format)
}

// stored fills in the format of runs from when there was but one.
func stored(precision, format string) (string, string) {
	if precision != "" && format == "" {
		format = "channels_last"
	}
	return precision, format
}
