// Package train pre-trains an encoder: the loop around the steps of package methods, and
// the hooks on which logging, records and checkpoints hang. Pretrain does all of it.
package train

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"contralens/config"
	"contralens/contrast"
	"contralens/data"
	"contralens/data/loader"
	"contralens/methods"
	"contralens/optim"
	"contralens/peers"
	"contralens/prefetch"
	"contralens/rundir"
	"contralens/scores/vitals"
	"contralens/torch"
	"contralens/views"
	"contralens/world"
)

// ErrStopped ends a run that was asked to stop, after its state was saved.
var ErrStopped = errors.New("stopped")

// ErrDone ends a run before its last epoch as complete: a hook returns it. The state is
// saved.
var ErrDone = errors.New("done")

// Run is a training and its place in it: everything that a checkpoint stores.
type Run struct {
	Config     config.Contrast
	Dir        string
	Train      data.Dataset // the training images: the unlabeled ones if the dataset has any
	Bank, Test data.Dataset // labeled images for k-NN, and the test split; Test may be nil
	Views      []views.Spec // the views that a step needs of each image
	Schedule   optim.Schedule
	Model      *methods.Model
	World      world.World // the processes that train together
	Hooks      []Hook
	// Say receives sentences for the user, from any goroutine. If it is nil, they are dropped.
	Say func(format string, args ...any)

	Epoch       int // in training, from 1
	StepInEpoch int // completed steps of this epoch; in Hook.Step, up to its step
	GlobalStep  int // completed steps of the training, likewise
	Meter       EpochMeter

	Batches  int // steps per epoch
	DropLast bool
	peers    peers.Peers
	asked    int           // what this process asks of the others in the next step
	agreed   int           // what all processes have agreed on
	computed time.Duration // of the last step, without waits for other processes
	began    int           // GlobalStep at which this process began
	compared int           // the last step after which the weights of all processes were the same
	// unreadable is the number of images that the processes together could not read, after the last whole epoch.
	unreadable int

	monitors  []Hook       // of every run: collapse, onset of the transformation
	judge     data.Dataset // images that are held out as queries of k-NN, if there is no test split
	notes     notes
	flight    flight
	classes   classes
	last      EpochMeter             // of the last complete epoch of this process
	saved     string                 // the newest checkpoint, written by this run or resumed from
	savedStep int                    // its step
	good      atomic.Pointer[string] // a sentence about it
}

// Step is what hooks learn about a step.
type Step struct {
	Epoch, Batch  int // batch from 0
	Step          int // from 1
	Images        int
	Loss          float64
	Accuracy      float64         // contrastive top-1, percent
	Negatives     int             // per query; 0 if the loss has none
	Jigsaw        *methods.Jigsaw // nil for methods without
	Rate          float64
	Scores        []float32            // [Images, 5], if a hook collects them
	Statistics    *contrast.Statistics // if a hook collects them
	Trace         *contrast.Trace      // if a hook collects it and the loss has negatives
	Vitals        map[string]float64   // if a hook collects them; see package vitals
	Transformed   bool
	Wait, Compute time.Duration // for data; for the step itself
	// Ranks are the waits of all processes for the images of this step, and their times of
	// computing in the step before; nil in a world of one process.
	Ranks []methods.Control
}

// Do trains to the last epoch. If ctx ends, it finishes the step (and the epoch, if the
// step was its last), saves the state and returns ErrStopped.
func (r *Run) Do(ctx context.Context) (err error) {
	if err := r.connected(); err != nil {
		return err
	}
	if err := r.checkNames(); err != nil {
		return err
	}
	r.flight.deferred = r.flight.deferred || !r.Model.Device().IsCPU()
	defer r.flight.drop()
	defer func() {
		for _, h := range r.hooks() {
			if h.Stop != nil {
				err = errors.Join(err, h.Stop(r))
			}
		}
	}()
	err = r.do(ctx)
	done := errors.Is(err, ErrDone)
	if !done && !errors.Is(err, ErrStopped) {
		return err
	}
	if e := r.alone(r.saveInterrupted); e != nil {
		return fmt.Errorf("stopped, but the state could not be saved: %w", e)
	}
	if done {
		return nil
	}
	return err
}

func (r *Run) do(ctx context.Context) error {
	r.began, r.compared = r.GlobalStep, r.GlobalStep
	if err := r.hooksOf(ctx, func(h Hook) func(*Run) error { return h.Start }); err != nil {
		return err
	}
	for r.Epoch <= r.Config.Epochs {
		if r.ended(ctx) {
			return r.end()
		}
		if err := r.epoch(ctx); err != nil {
			return err
		}
		if err := r.countUnreadable(); err != nil {
			return err
		}
		if err := r.hooksOf(ctx, func(h Hook) func(*Run) error { return h.Epoch }); err != nil {
			return err
		}
		r.last = r.Meter
		r.Epoch, r.StepInEpoch, r.Meter = r.Epoch+1, 0, EpochMeter{}
	}
	return nil
}

// Shorten makes the training end after fewer epochs than was planned, with the schedule of that
// length. Hooks call it at the end of an epoch.
func (r *Run) Shorten(epochs int) error {
	if epochs >= r.Config.Epochs {
		return nil
	}
	r.Config.Epochs, r.Schedule.Epochs = epochs, epochs
	if !r.World.First() {
		return nil
	}
	return rundir.SetEpochs(r.Dir, epochs)
}

// transforming reports whether the next step transforms features.
func (r *Run) transforming() bool {
	return r.Model.Transform.On() && !slices.ContainsFunc(r.hooks(), func(h Hook) bool {
		return h.Transform != nil && !h.Transform(r)
	})
}

// collect returns what the hooks want measured in the next step.
func (r *Run) collect() (c methods.Collect) {
	for _, h := range r.hooks() {
		if h.Collect != nil {
			wanted := h.Collect(r)
			c.Scores, c.Statistics = c.Scores || wanted.Scores, c.Statistics || wanted.Statistics
			c.Trace, c.Vitals = max(c.Trace, wanted.Trace), c.Vitals || wanted.Vitals
		}
	}
	return c
}

// epoch trains to the end of the epoch, unless ctx ends before it.
func (r *Run) epoch(ctx context.Context) error {
	l := prefetch.New(r.loading(ctx), prefetch.Options{Device: r.Model.Device(), Dtype: r.Model.Precision,
		ViewOptions: loader.ViewOptions{
			Dataset: r.Train, Views: r.Views, BatchSize: r.Config.BatchSize, Workers: r.Config.Workers, Seed: r.Config.Seed,
			Epoch: r.Epoch, Shuffle: true, Streams: loader.Streams{Count: r.Config.Streams, Window: r.Config.ShuffleWindow},
			DropLast: r.DropLast, FirstBatch: r.StepInEpoch, World: r.World, Groups: r.Model.Groups,
			Reordered: r.reordered(),
		}})
	defer l.Close()
	clock := &r.Model.Clock
	defer clock.Enter(methods.Other)()
	for {
		clock.Enter(methods.Views)
		r.at("images")
		start := time.Now()
		b, err := l.Next()
		if err != nil {
			if err := r.land(); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil && ctx.Err() != nil {
			return ErrStopped
		}
		if err != nil {
			return err
		}
		s := Step{
			Epoch: r.Epoch, Batch: r.StepInEpoch, Images: len(b.Whole),
			Rate: r.Schedule.At(r.Epoch, r.StepInEpoch, r.Batches), Wait: time.Since(start),
		}
		r.at(world.Computing)
		launch, err := r.step(ctx, s, b)
		l.Recycle(b)
		if err == nil {
			err = r.launched(launch)
		}
		if err != nil {
			return err
		}
		if r.ended(ctx) && r.StepInEpoch < r.Batches {
			if err := r.land(); err != nil {
				return err
			}
			return r.end()
		}
	}
}

// step trains on one batch. On a device it only launches the work.
func (r *Run) step(ctx context.Context, s Step, b *prefetch.Batch) (l *launch, err error) {
	m, start := r.Model, time.Now()
	s.Transformed = r.transforming()
	r.adjust()
	torch.Scoped(func() {
		batch := &methods.Batch{
			Step: r.GlobalStep + 1, Random: m.Random(r.GlobalStep, s.Transformed), Collect: r.collect(),
			Readback: r.flight.readback(m.Device()), Size: s.Images, Control: r.control(ctx, s),
		}
		if batch.Collect.Trace > 0 {
			batch.Labels = r.classes.of(r.Train, m.Device())
		}
		for _, i := range b.Whole {
			batch.Images = append(batch.Images, int64(i))
		}
		for v, spec := range r.Views {
			if spec.Kind == views.Jigsaw {
				batch.Patches = b.View(v)
			} else {
				batch.Crops = append(batch.Crops, b.View(v))
			}
		}
		batch.Shuffled = r.shuffled(s, b)
		m.Clock.Enter(methods.Other)
		var out methods.Outcome
		if out, err = m.Step(batch, s.Rate); err != nil {
			err = r.failed(s, r.GlobalStep+1, err)
			return
		}
		if out.Vitals != nil {
			out.Vitals[vitals.Order] = indexOrder(b.Whole, r.Train.Len())
		}
		l = &launch{step: s, batch: batch, out: out}
		r.flight.keep(l)
	})
	if err != nil {
		return nil, err
	}
	r.StepInEpoch++
	r.GlobalStep++
	l.step.Step, l.step.Compute = r.GlobalStep, time.Since(start)
	r.computed = l.step.Compute - m.Waited()
	return l, nil
}

func (r *Run) say(format string, args ...any) {
	if r.Say != nil && r.World.First() {
		r.Say(format, args...)
	}
}
