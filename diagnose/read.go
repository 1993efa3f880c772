package diagnose

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"contralens/features/spectrum"
	"contralens/rundir"
	"contralens/scores/vitals"
)

// Read reads what a run has recorded.
func Read(run string) (c Case, err error) {
	if info, err := os.Stat(run); err != nil || !info.IsDir() {
		return c, fmt.Errorf("diagnose: want a run directory, but there is no directory %s", run)
	}
	record, err := rundir.ReadRecord(run)
	if err != nil {
		return c, err
	}
	if record == nil {
		return c, fmt.Errorf("diagnose: want a run directory, but %s has no %s", run, rundir.RecordFile)
	}
	lines, err := vitals.Read(run)
	if err != nil {
		return c, fmt.Errorf("diagnose: %w", err)
	}
	if len(lines) == 0 {
		return c, fmt.Errorf("diagnose: want a run with %s, which contrast records (--record), found none in %s",
			vitals.FileName, run)
	}
	spectra, unread := spectrum.Read(run)
	c = NewCase(record.Config, lines, spectra)
	c.Failure = rundir.Failure(os.DirFS(run).(fs.StatFS))
	damaged := spectrum.Skipped(run)
	if unread != nil {
		damaged = cmp.Or(errors.Unwrap(unread), unread)
	}
	for _, err := range []error{vitals.Skipped(run), damaged} {
		if err != nil {
			c.Skipped = append(c.Skipped, err)
		}
	}
	return c, nil
}

// NewCase is what is known of a run with options as run.json has them.
func NewCase(options map[string]string, lines []vitals.Line, spectra []spectrum.Line) Case {
	c := Case{Options: options, Lines: lines, Spectra: spectra}
	if in := c.inputs(); in != nil {
		c.Images = in.Images
	}
	return c
}
