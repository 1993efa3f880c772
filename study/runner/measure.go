package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"contralens/autotune"
	"contralens/config"
	"contralens/internal/humanize"
	"contralens/profile"
	"contralens/setup"
	"contralens/study"
	"contralens/study/jobs"
)

// measured is the least number of images of a training that is measured.
const measured = 512

// Plan describes the study and how long it will take: from the cells that are done, and from a few
// seconds of training for every arm without such cells. Nothing is written. Where the speed cannot
// be measured, it says why.
func (r *Runner) Plan(ctx context.Context, show func(string)) error {
	done, err := r.toDo()
	if err != nil {
		return err
	}
	if err := r.Study.CheckDrawn(r.Dir, done); err != nil {
		return err
	}
	cells := r.Study.Planned(done)
	r.print("%s", r.Study.Summary())
	for _, c := range cells {
		state := ""
		if o, ok := done[c.Name]; ok && o.Failed() {
			state = "  failed: " + o.Error
		} else if ok {
			state = "  done"
		}
		r.print("  %s%s%s", c.Name, r.Study.About(c), state)
	}
	var images *unopened
	switch err := r.Prepare(ctx); {
	case ctx.Err() != nil:
		return jobs.ErrStopped
	case errors.As(err, &images):
		r.print("time: unknown, because the images cannot be opened: %v", err)
		return nil
	case err != nil:
		return err
	}
	r.noteArms()
	if err := r.measureArms(ctx, cells, done, show); err != nil {
		if ctx.Err() != nil {
			return jobs.ErrStopped
		}
		r.print("time: unknown, because the speed cannot be measured: %v", err)
		return nil
	}
	left, known := r.Study.Left(r.pace, done)
	if !known {
		why := "no arm could be measured and none is done"
		if r.Study.Detects() {
			why = "no detector is trained yet"
		}
		r.print("time: unknown, because %s", why)
		return nil
	}
	if left == 0 {
		r.print("all of it is done")
		return nil
	}
	r.print("time: about %s for one process on this machine, done %s", humanize.Duration(left),
		time.Now().Add(left).Format("on Mon 2 Jan 2006 at 15:04"))
	return nil
}

// noteArms gives the notes about the options of every arm, which a training gives when it begins.
func (r *Runner) noteArms() {
	for arm := range r.Study.Arms {
		for _, n := range r.Study.Notes(r.Dir, arm) {
			r.note(n)
		}
	}
}

// measureArms measures the speed of every arm that has no cell that is done.
func (r *Runner) measureArms(
	ctx context.Context, cells []study.Cell, done map[string]jobs.Outcome, show func(string),
) error {
	known, open := map[int]bool{}, map[int]bool{}
	for _, c := range cells {
		o, ok := done[c.Name]
		known[c.Arm] = known[c.Arm] || ok && !o.Failed() && o.Images > 0
		open[c.Arm] = open[c.Arm] || !ok
	}
	r.pace.Measured = map[int]float64{}
	for i, a := range r.Study.Arms {
		if known[i] || !open[i] || a.Program != nil || a.Untrained {
			continue
		}
		each, err := r.measureArm(ctx, i, show)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			r.print("%s: the speed cannot be measured: %v", a.Name, err)
			continue
		}
		r.pace.Measured[i] = each
		r.print("%s: %s images/s, evaluations included", a.Name, humanize.Number(1/each))
	}
	for i, a := range r.Study.Arms {
		if _, ok := r.pace.Measured[i]; ok || known[i] || !open[i] || a.Untrained || len(r.pace.Measured) == 0 {
			continue
		}
		usual := 0.0
		for _, each := range r.pace.Measured {
			usual = max(usual, each)
		}
		r.pace.Measured[i] = usual
		r.note(fmt.Sprintf("the time of %s is taken to be that of the slowest other arm", a.Name))
	}
	return nil
}

// measureArm returns the seconds per image of an arm, with its share of the evaluations.
func (r *Runner) measureArm(ctx context.Context, arm int, show func(string)) (each float64, err error) {
	cell := study.Cell{Arm: arm, Name: "measured", Seed: r.Study.Seeds[0]}
	c, _, err := r.Study.Training(r.Dir, cell)
	if err != nil {
		return 0, err
	}
	s, err := r.open(ctx, c)
	if err != nil {
		return 0, err
	}
	images := float64(s.Train) * float64(c.Epochs)
	speed, err := r.speed(ctx, c, show)
	if err != nil {
		return 0, err
	}
	ends := float64(c.Epochs) * speed.Epoch.Seconds()
	number := 0.0
	for _, e := range r.Study.Evaluations {
		// The time of a detector is that of the ones that are done, and scores are there already.
		if e.Protocol != study.Detect && e.Protocol != study.Scores {
			number++
		}
	}
	if number == 0 {
		return 1/speed.Train + ends/images, nil
	}
	evaluations := number * float64(s.Labeled+s.Test) / speed.Evaluate
	votes := float64(s.Labeled) * float64(s.Test) / speed.Vote
	return 1/speed.Train + (ends+evaluations+votes)/images, nil
}

// shortened returns a training with the steps of c, of so few images that epochs end soon. What starts later in c
// starts with the first step. A memory bank keeps its rows, among which steps look up theirs, so it keeps all images.
func shortened(c config.Contrast) config.Contrast {
	few := c.BatchSize * max(4, (measured+c.BatchSize-1)/c.BatchSize)
	if c.Memory != "bank" && (c.Limit == 0 || c.Limit > few) {
		c.Limit = few
	}
	if c.Transforms() {
		c.MixEpoch, c.MixStep, c.MixStart = 0, 0, ""
	}
	if c.Synthesizes() {
		c.SyntheticStart = 0
	}
	return c
}

// speed measures a training in a temporary folder.
func (r *Runner) speed(ctx context.Context, c config.Contrast, show func(string)) (s profile.Speed, err error) {
	dir, err := profile.TempDir("study")
	if err != nil {
		return s, err
	}
	defer os.RemoveAll(dir)
	c = shortened(c)
	c.ModelPath, c.TBPath = dir, filepath.Join(dir, "tb")
	tuner := r.Tuner
	if tuner == nil {
		tuner = &autotune.Tuner{}
	}
	err = setup.Compute(c.Threads, func() (err error) {
		s, err = profile.MeasureSpeed(ctx, &c, profile.Options{
			Dir: dir, Tuner: tuner, Print: func(string, ...any) {}, Show: show,
		})
		return err
	})
	return s, err
}
