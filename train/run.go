// Package train pre-trains an encoder: the step, the loop around it, and the
// hooks on which logging and checkpoints hang.
package train

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"contralens/config"
	"contralens/contrast"
	"contralens/data"
	"contralens/data/loader"
	"contralens/methods"
	"contralens/optim"
	"contralens/torch"
	"contralens/views"
)

// ErrStopped ends a run that was asked to stop, after its state was saved.
var ErrStopped = errors.New("stopped")

// Run is a training and where it stands: all that a checkpoint holds.
type Run struct {
	Config     config.Contrast
	Dir        string
	Train      data.Dataset // what is trained on: the part without labels where the dataset has one
	Bank, Test data.Dataset // labeled images for k-NN; Test may be nil
	Views      []views.Spec // that a step needs of each image
	Schedule   optim.Schedule
	Model      *methods.Model
	Hooks      []Hook

	Epoch       int // in training, from 1
	StepInEpoch int // steps of it that are done
	GlobalStep  int // steps done since the beginning
	Meter       EpochMeter
	collapse    collapse
	mixStart    mixStart

	Batches   int // steps an epoch
	DropLast  bool
	notes     notes
	saved     string // the checkpoint that was written last, or that the run was resumed from
	savedStep int    // and its step
}

// Step is what hooks learn of a step.
type Step struct {
	Epoch, Batch  int // batch from 0
	Step          int // from 1
	Images        int
	Loss          float64
	Accuracy      float64         // contrastive top-1, percent
	Negatives     int             // that each query met; 0 where the loss has none
	Jigsaw        *methods.Jigsaw // nil for methods without
	Rate          float64
	Scores        []float32            // [Images, 5], when asked for
	Statistics    *contrast.Statistics // when asked for
	Transformed   bool
	Wait, Compute time.Duration // for data; for the step itself
}

// Hook is something that hangs on the loop; nil functions are left out.
type Hook struct {
	Collect methods.Collect // what Step needs
	Start   func(*Run) error
	Step    func(*Run, Step) error
	Epoch   func(*Run) error // after an epoch, when StepInEpoch is Batches
	Save    func(*Run) error // before a checkpoint is written: what belongs to the steps done goes to disk
	Stop    func(*Run) error // at the end, also when the run was stopped or failed
}

// Do trains from where the run stands to its last epoch. When ctx ends, the
// step is finished, and after the last step of an epoch what follows it; the
// state is saved and ErrStopped returned.
func (r *Run) Do(ctx context.Context) (err error) {
	defer func() {
		for _, h := range r.Hooks {
			if h.Stop != nil {
				err = errors.Join(err, h.Stop(r))
			}
		}
	}()
	if err = r.do(ctx); !errors.Is(err, ErrStopped) {
		return err
	}
	if e := r.saveInterrupted(); e != nil {
		return fmt.Errorf("stopped, but the state could not be saved: %w", e)
	}
	return err
}

func (r *Run) do(ctx context.Context) error {
	for _, h := range r.Hooks {
		if h.Start != nil {
			if err := h.Start(r); err != nil {
				return err
			}
		}
	}
	for r.Epoch <= r.Config.Epochs {
		if ctx.Err() != nil {
			return ErrStopped
		}
		if err := r.epoch(ctx); err != nil {
			return err
		}
		for _, h := range r.Hooks {
			if h.Epoch != nil {
				if err := h.Epoch(r); err != nil {
					return err
				}
			}
		}
		r.Epoch, r.StepInEpoch, r.Meter = r.Epoch+1, 0, EpochMeter{}
	}
	return nil
}

// transforming says whether the step after the one done transforms features.
func (r *Run) transforming() bool {
	return r.Model.Transform.On() && !r.undecided() && r.Epoch > r.Config.MixEpoch && r.GlobalStep+1 > r.Config.MixStep
}

// epoch trains to the end of the epoch, unless ctx ends before it.
func (r *Run) epoch(ctx context.Context) error {
	l := loader.NewViews(ctx, loader.ViewOptions{
		Dataset: r.Train, Views: r.Views, BatchSize: r.Config.BatchSize, Workers: r.Config.Workers,
		Seed: r.Config.Seed, Epoch: r.Epoch, Shuffle: true, DropLast: r.DropLast, FirstBatch: r.StepInEpoch,
	})
	defer l.Close()
	clock := &r.Model.Clock
	defer clock.Enter(methods.Other)()
	var measured methods.Collect
	for _, h := range r.Hooks {
		measured.Scores, measured.Statistics = measured.Scores || h.Collect.Scores, measured.Statistics || h.Collect.Statistics
	}
	collect := measured
	collect.Scores = measured.Scores || r.undecided()
	for {
		clock.Enter(methods.Views)
		start := time.Now()
		b, err := l.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil && ctx.Err() != nil {
			return ErrStopped
		}
		if err != nil {
			return err
		}
		s := Step{Epoch: r.Epoch, Batch: r.StepInEpoch, Images: b.N, Rate: r.Schedule.At(r.Epoch, r.StepInEpoch, r.Batches), Wait: time.Since(start)}
		start = time.Now()
		err = r.step(&s, b, collect)
		s.Compute = time.Since(start)
		l.Recycle(b)
		if err != nil {
			return fmt.Errorf("epoch %d, step %d: %w: a lower --learning_rate, --warm or --precision fp32 may help", s.Epoch, r.GlobalStep+1, err)
		}
		r.StepInEpoch++
		r.GlobalStep++
		s.Step = r.GlobalStep
		r.Meter.add(s)
		if r.undecided() {
			r.mixStart.see(s, r.filled())
		}
		clock.Enter(methods.Recording)
		for _, h := range r.Hooks {
			if h.Step != nil {
				if err := h.Step(r, s); err != nil {
					return err
				}
			}
		}
		if ctx.Err() != nil && r.StepInEpoch < r.Batches {
			return ErrStopped
		}
		// A loss that looks like a collapse has the next step's scores looked at.
		collect.Scores = measured.Scores || r.undecided() || r.collapse.suspect(s.Loss, s.Negatives)
	}
}

// step trains on one batch.
func (r *Run) step(s *Step, b *loader.ViewBatch, collect methods.Collect) (err error) {
	m := r.Model
	s.Transformed = r.transforming()
	torch.Scoped(func() {
		batch := &methods.Batch{Random: m.Random(r.GlobalStep, s.Transformed), Collect: collect}
		for _, i := range b.Indices {
			batch.Images = append(batch.Images, int64(i))
		}
		for v, spec := range r.Views {
			shape := spec.Shape()
			if spec.Kind == views.Jigsaw {
				shape = append([]int{shape[0] * b.N}, shape[1:]...)
				batch.Patches = torch.FromFloat32(b.Samples.Values[v], shape...).ToDevice(m.Device())
				continue
			}
			batch.Crops = append(batch.Crops, torch.FromFloat32(b.Samples.Values[v], append([]int{b.N}, shape...)...).ToDevice(m.Device()))
		}
		m.Clock.Enter(methods.Other)
		var out methods.Outcome
		out, err = m.Step(batch, s.Rate)
		s.Loss, s.Accuracy, s.Negatives, s.Scores, s.Statistics, s.Jigsaw = out.Value, out.Accuracy, out.Negatives, out.Scores, out.Statistics, out.Jigsaw
	})
	return err
}
