package classify

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"contralens/eval"
	"contralens/nn"
	"contralens/rundir"
	"contralens/world"
)

// Scalars receives the curves of a training run; events.Writer writes them for
// TensorBoard.
type Scalars interface {
	Scalar(tag string, step int, value float64) error
}

// Run trains classifiers in a run directory. After every epoch it tests them, and
// writes current.pth (and ckpt_epoch_N.pth every SaveFreq epochs), the log, and the
// curves train_acc, train_acc5, train_loss, test_acc, test_acc5 and test_loss. If there
// are several heads, it reports the first one.
type Run struct {
	Trainer   *Trainer
	Dir       string
	Record    Record
	Encoder   *nn.Model // stored with the classifier; nil if it is not trained
	SaveFreq  int
	PrintFreq int
	Test      func(ctx context.Context) (eval.Scores, error)
	Print     func(format string, args ...any)
	Curves    Scalars // nil: no curves
	Prefix    string  // of the curves' tags

	Scores eval.Scores // of the last test
	Best   float64     // highest top-1 of any epoch's test so far
	tested bool
}

// Interrupted returns the path of the file in which Do saves the state of an
// interrupted run.
func (r *Run) Interrupted() string { return filepath.Join(r.Dir, rundir.InterruptedFile) }

// Do trains to the end. If ctx ends, it saves everything in Interrupted and returns
// ctx.Err().
func (r *Run) Do(ctx context.Context) error {
	t := r.Trainer
	t.OnStep = func(s Step) error {
		if s.Batch%r.PrintFreq == 0 || s.Batch == s.Batches {
			loss, top1, _ := t.Totals.Mean()
			r.Print("epoch %d/%d step %d/%d  loss %.3f  top-1 %.1f %%  lr %.4g",
				s.Epoch, t.Epochs, s.Batch, s.Batches, loss, top1, s.Rate)
		}
		return nil
	}
	t.OnEpoch = func(totals Totals) error { return r.epoch(ctx, totals) }
	err := t.Do(ctx)
	if err == nil && !r.tested { // resumed after its last epoch
		r.Scores, err = r.Test(ctx)
	}
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		if !t.Shared.first() {
			return err
		}
		t.at(world.Busy)
		if e := r.save(r.Interrupted()); e != nil {
			return fmt.Errorf("stopped, but the state could not be saved: %w", e)
		}
	}
	return err
}

func (r *Run) save(path string) error {
	return r.Trainer.Save(path, r.Record, r.Encoder, r.Best)
}

// epoch runs after the last step of an epoch.
func (r *Run) epoch(ctx context.Context, totals Totals) (err error) {
	epoch := r.Trainer.Epoch
	loss, top1, top5 := totals.Mean()
	if r.Scores, err = r.Test(ctx); err != nil {
		return err
	}
	r.tested, r.Best = true, max(r.Best, r.Scores.Top1)
	r.Print("epoch %d/%d  train loss %.3f, top-1 %.2f %%  test loss %.3f, top-1 %.2f %%, top-%d %.2f %%",
		epoch, r.Trainer.Epochs, loss, top1,
		r.Scores.Loss, r.Scores.Top1, min(5, len(r.Scores.PerClass)), r.Scores.Top5)
	return r.Trainer.Shared.byFirst(func() error { return r.keep(epoch, loss, top1, top5) })
}

// keep writes the curves and checkpoints of an epoch with these means of training.
func (r *Run) keep(epoch int, loss, top1, top5 float64) error {
	if r.Curves != nil {
		for _, c := range []struct {
			tag   string
			value float64
		}{
			{"train_acc", top1}, {"train_acc5", top5}, {"train_loss", loss},
			{"test_acc", r.Scores.Top1}, {"test_acc5", r.Scores.Top5}, {"test_loss", r.Scores.Loss},
		} {
			if err := r.Curves.Scalar(r.Prefix+c.tag, epoch, c.value); err != nil {
				return err
			}
		}
	}
	return rundir.SaveEpoch(r.Dir, epoch, r.SaveFreq, 0, r.save)
}

// Resume restores the state of the run from a checkpoint.
func (r *Run) Resume(path string) (warning string, err error) {
	r.Best, warning, err = r.Trainer.Load(path, r.Encoder)
	return warning, err
}
