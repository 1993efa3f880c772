package runner

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"contralens/config"
	"contralens/detect/protocol"
	"contralens/rundir"
	"contralens/setup"
	"contralens/study"
	"contralens/study/jobs"
	"contralens/train"
)

// detect trains a detector on the encoder of a cell, or on one with random weights, tests it, and
// adds the average precisions to the scores. A training that was killed resumes from its checkpoint.
func (r *Runner) detect(
	ctx context.Context, cell study.Cell, c config.Contrast, e study.Evaluation, o *jobs.Outcome,
) error {
	d, set, err := r.Study.Detection(c, e)
	if err != nil {
		return err
	}
	if !r.Study.Arms[cell.Arm].Untrained {
		d.Ckpt = r.checkpoint(cell)
		set = r.known(cell, set)
	}
	if d.Precision == "auto" && !setup.OnGPU(d.Machine) {
		d.Precision = "fp32" // a measurement could choose another one for the next cell
	}
	d.ModelPath, d.TBPath, d.Name = filepath.Join(r.Dir, study.DetectorsDir), c.TBPath, cell.Name
	command := study.DetectionCommand(d)
	if rundir.IsRun(filepath.Join(d.ModelPath, d.Name)) {
		d.Resume = "auto"
	}
	p := &train.Progress{Out: r.Out, Terminal: r.Terminal, Columns: r.Columns}
	more := protocol.Series{Title: r.title}
	if rest, known := r.left(cell.Name); known {
		more.Left = func(training time.Duration) time.Duration { return training + rest }
	}
	r.show(p)
	defer r.show(nil)
	defer p.Close()
	begin := time.Now()
	result, err := protocol.Train(ctx, d, protocol.Options{
		Set: set, Progress: p, Note: r.note, Notes: setup.IterationNotes(d.Iterating), Command: command, Series: more,
	})
	if err != nil {
		return damaged(filepath.Join(d.ModelPath, d.Name), err)
	}
	o.Detecting = time.Since(begin).Seconds()
	o.Commands = append(o.Commands, command)
	for _, v := range r.Study.Evaluations {
		if v.Protocol != study.Detect {
			continue
		}
		ap, ok := result.Metrics[v.Measure()].(float64)
		if !ok {
			return fmt.Errorf("the result has no %s: %v", v.Measure(), result.Metrics)
		}
		o.Scores[v.Measure()] = ap
	}
	return nil
}

// openAnnotated opens the annotated images of a study with detectors, so that a folder that is missing
// does not make every cell fail.
func (r *Runner) openAnnotated(ctx context.Context) error {
	for _, e := range r.Study.Evaluations {
		if e.Protocol != study.Detect {
			continue
		}
		c, _, err := r.Study.Contrast(0)
		if err != nil {
			return err
		}
		d, _, err := r.Study.Detection(c, e)
		if err != nil {
			return err
		}
		return protocol.CheckImages(ctx, d, protocol.Options{Note: func(string) {}})
	}
	return nil
}
