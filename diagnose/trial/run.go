package trial

import (
	"context"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"contralens/config"
	"contralens/data"
	"contralens/rundir"
	"contralens/train"
)

// Options are what trials need.
type Options struct {
	Dir         string      // of the images and the runs
	Images      data.Splits // of which Train and Test images are taken
	Train, Test int
	Seed        uint64
	Epochs      int    // of all trials; 0: as each has them
	Only        string // part of the names of the trials to train; empty: all
	Threads     int
	Out         io.Writer // receives the lines of all trainings; nil: nothing
	Note        func(format string, args ...any)
}

// Run trains all trials that are not complete. One that was interrupted resumes.
func Run(ctx context.Context, o Options) error {
	if o.Images.Test == nil {
		return fmt.Errorf("want images with a test split, for k-NN, got none")
	}
	if err := prepare(ctx, filepath.Join(o.Dir, "images"), o.Images, o.Train, o.Test, o.Seed); err != nil {
		return err
	}
	for i, t := range Trials {
		if !strings.Contains(t.Name, o.Only) {
			continue
		}
		c, err := o.config(t)
		if err != nil {
			return fmt.Errorf("trial %s: %w", t.Name, err)
		}
		if complete(o.dir(t), c.Epochs) {
			continue
		}
		o.Note("trial %d of %d: %s", i+1, len(Trials), t.Name)
		if rundir.IsRun(o.dir(t)) {
			c.Resume = "auto"
		}
		p := &train.Progress{Out: o.Out}
		_, err = train.Pretrain(ctx, c, train.Options{Progress: p})
		p.Close()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			o.Note("trial %s ended: %v", t.Name, err) // what a fault does
		}
	}
	return nil
}

// dir is the run directory of a trial.
func (o Options) dir(t Trial) string { return filepath.Join(o.Dir, "runs", t.Name) }

// complete reports whether a run has reached its last epoch, or has failed, which a run that is
// resumed would again.
func complete(dir string, epochs int) bool {
	end, ok := rundir.LastEpochEnd(folder(dir))
	return ok && int(end.Epoch) >= epochs || failed(dir)
}

// config resolves the options of a trial.
func (o Options) config(t Trial) (config.Contrast, error) {
	c := config.DefaultContrast()
	fields, set := config.Fields(&c), map[string]bool{}
	values := t.options(strconv.FormatUint(o.Seed, 10))
	images := t.Images
	if images == "" {
		images = plain
	}
	values["data_folder"] = filepath.Join(o.Dir, "images", images)
	values["model_path"], values["tb_path"] = filepath.Join(o.Dir, "runs"), filepath.Join(o.Dir, "events")
	values["name"], values["threads"], values["num_workers"] = t.Name, strconv.Itoa(max(1, o.Threads)), "1"
	if images == packed {
		values["dataset"] = "imagenet"
	} else {
		values["dataset"] = "folder"
	}
	if o.Epochs > 0 {
		values["epochs"] = strconv.Itoa(o.Epochs)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		f := config.Find(fields, name)
		if f == nil {
			return c, fmt.Errorf("there is no option %q", name)
		}
		if err := f.Set(values[name]); err != nil {
			return c, fmt.Errorf("%s: %w", name, err)
		}
		set[f.Name] = true
	}
	_, err := c.Resolve(set)
	return c, err
}
