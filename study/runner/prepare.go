package runner

import (
	"context"
	"errors"
	"fmt"
	"os/exec"

	"contralens/checkpoint/weights"
	"contralens/config"
	"contralens/internal/humanize"
	"contralens/setup"
	"contralens/study"
	"contralens/torch"
	"contralens/train"
)

// Prepare opens the images of all arms, so that a folder that is missing does not make every cell
// fail. It gives notes on schedules, and on options that the images are too few for.
func (r *Runner) Prepare(ctx context.Context) error {
	r.opened, r.smallest, r.noted = map[string]seen{}, map[string]class{}, map[string]bool{}
	r.checked = map[string]bool{}
	r.pace.Images = func(c study.Cell) float64 { return r.images(ctx, c) }
	done, err := r.toDo()
	if err != nil {
		return err
	}
	for _, c := range r.Study.Planned(done) {
		_, ended := done[c.Name]
		c.Setting = max(0, c.Setting)
		options, _, err := r.Study.Training(r.Dir, c)
		if err != nil {
			return err
		}
		if arm := r.Study.Arms[c.Arm]; !arm.Untrained && arm.Program == nil {
			for _, n := range setup.ScheduleNotes(options.Optim, options.Warm, options.BatchSize > 256) {
				r.note(fmt.Sprintf("a training of %s: %s", humanize.Count(options.Epochs, "epoch"), n))
			}
		}
		if !ended {
			if err := r.checkStart(c, options); err != nil {
				return err
			}
		}
		images, err := r.open(ctx, options)
		if err != nil {
			if arm := r.Study.Arms[c.Arm]; arm.Sets("data_folder") {
				err = fmt.Errorf("arm %s: %w", arm.Name, err)
			}
			return &unopened{err}
		}
		small := r.smallest[imagesKey(options)]
		if err := r.Study.CheckLabels(c, small.classes, small.name, small.images); err != nil && !ended {
			return err
		}
		r.noteImages(c, options, images)
	}
	if err := r.openAnnotated(ctx); err != nil {
		return &unopened{err}
	}
	return nil
}

// checkStart refuses a cell whose training could not begin: its program, its device or the checkpoint that it starts
// from is not there.
func (r *Runner) checkStart(c study.Cell, options config.Contrast) error {
	arm := r.Study.Arms[c.Arm]
	if arm.Untrained {
		return nil
	}
	if arm.Program != nil {
		words, err := r.Study.ProgramLine(r.Dir, c)
		if err != nil {
			return err
		}
		if _, err := exec.LookPath(words[0]); err != nil {
			return fmt.Errorf("arm %s: %s: want a program that can be run: %w", arm.Name, words[0], errors.Unwrap(err))
		}
		return nil
	}
	once := func(what string, check func() error) error {
		if r.checked[what] {
			return nil
		}
		r.checked[what] = true
		return torch.Run(check)
	}
	device := options.DeviceName()
	err := once("device "+device, func() error { _, err := torch.ParseDevice(device); return err })
	if err != nil {
		return fmt.Errorf("arm %s: %w", arm.Name, err)
	}
	if options.Init == "" {
		return nil
	}
	err = once(fmt.Sprintf("init %q %q", options.Init, options.Prefix), func() error {
		return weights.Check(options.Init, options.Prefix)
	})
	if err != nil {
		return fmt.Errorf("arm %s: init: %w", arm.Name, err)
	}
	return nil
}

// noteImages gives notes on a cell whose images are too few for its options.
func (r *Runner) noteImages(c study.Cell, options config.Contrast, images seen) {
	arm := r.Study.Arms[c.Arm]
	if !arm.Untrained && arm.Program == nil {
		for _, n := range train.TooLate(&options, images.Train) {
			r.note(fmt.Sprintf("arm %s, a training of %s: %s", arm.Name, humanize.Count(options.Epochs, "epoch"), n))
		}
	}
	for _, e := range r.Study.Evaluations {
		if e.Protocol != study.Neighbors || arm.Untrained || c.Validates() && e.Measure() != r.Study.Tuning.By {
			continue
		}
		k, _, err := r.Study.KNN(options, e)
		if err == nil && k.Neighbors > images.Labeled { // errors were found when the study was read
			r.note(fmt.Sprintf("evaluations: %s: all %d labeled images vote, because there are fewer than %d (neighbors)",
				e.Measure(), images.Labeled, k.Neighbors))
		}
	}
}

// unopened is the error of images that cannot be opened.
type unopened struct{ error }

func (u *unopened) Unwrap() error { return u.error }
