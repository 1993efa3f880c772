package setup

import (
	"context"
	"fmt"
	"path/filepath"

	"contralens/checkpoint"
	"contralens/config"
	"contralens/internal/humanize"
	"contralens/rundir"
)

// Size sets the options of a pre-training that nobody described (see config.Described) and
// that set does not have to values that suit its images and this machine. If the training
// resumes a run, they are those of that run. said is a sentence about what was chosen.
// c.Resolve must be called afterwards. Size opens the dataset.
func Size(ctx context.Context, c *config.Contrast, set map[string]bool) (said string, err error) {
	splits, err := Splits(ctx, *c, nil)
	if err != nil {
		return "", err
	}
	sizes, err := Measure(ctx, splits, c.Machine)
	if err != nil {
		return "", err
	}
	chosen := Suggest(c, set, sizes)
	why := sizes.String()
	if record := resumed(c.Output); record != nil {
		why = "the run that is resumed"
		for i := range chosen {
			f := config.Find(config.Fields(c), chosen[i].Option)
			if value, ok := f.Recorded(record); ok && f.Set(value) == nil {
				chosen[i].Value = value
			}
		}
	}
	return fmt.Sprintf("chosen for %s: %s; options that you give come first, and with --method all others "+
		"are the reference implementation's", why, chosen), nil
}

// FitQueue shortens a queue that is longer than the dataset, in which every image would
// meet itself. said is a sentence about it, or "". It opens the dataset.
func FitQueue(ctx context.Context, c *config.Contrast) (said string, err error) {
	splits, err := Splits(ctx, *c, nil)
	if err != nil {
		return "", err
	}
	n := splits.Train.Len()
	if splits.Unlabeled != nil {
		n = splits.Unlabeled.Len()
	}
	was := c.K
	if was <= n {
		return "", nil
	}
	c.K = queueFor(n, min(c.BatchSize, n))
	return fmt.Sprintf("--nce_k %d instead of the recipe's %d, because there are %s",
		c.K, was, humanize.Count(n, "image")), nil
}

// resumed returns the options of the run that --resume continues, or nil if there is none
// or it is looked up by its options.
func resumed(o config.Output) map[string]string {
	switch {
	case o.Resume == "auto" && o.Name != "":
		if r, err := rundir.ReadRecord(filepath.Join(o.ModelPath, o.Name)); err == nil && r != nil {
			return r.Config
		}
	case o.Resume != "" && o.Resume != "auto":
		if file, err := checkpoint.Read(o.Resume); err == nil {
			var record rundir.CheckpointRecord
			rundir.DecodeRecord(file, &record)
			return record.Config
		}
	}
	return nil
}
