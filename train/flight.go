package train

import (
	"fmt"
	"time"

	"contralens/methods"
	"contralens/torch"
)

// flight has the step whose figures are on their way to the host. On a device the loop
// launches the next step before it runs the hooks of this one, so that the device always has
// work. On the CPU a step is complete when it returns, and nothing is ever in flight.
type flight struct {
	deferred bool    // hooks run one step behind
	last     *launch // the launched step whose hooks have not run
	ahead    int     // steps launched after the one whose hooks run now
}

// launch is a launched step.
type launch struct {
	step  Step // figures are missing
	batch *methods.Batch
	out   methods.Outcome
}

// readback returns what brings the next step's figures to the host.
func (f *flight) readback(d torch.Device) *torch.Readback {
	r := torch.NewReadback(d)
	if f.deferred {
		r.Defer()
	}
	return r
}

// keep keeps the tensors of a step that will be in flight.
func (f *flight) keep(l *launch) {
	for _, v := range l.views() {
		if f.deferred && v != nil {
			v.Keep()
		}
	}
}

// drop forgets the step in flight, after a failure.
func (f *flight) drop() {
	if f.last != nil {
		f.last.free()
		f.last = nil
	}
}

// views are the batch's tensors, from which a failure is explained.
func (l *launch) views() []*torch.Tensor {
	return append([]*torch.Tensor{l.batch.Patches}, l.batch.Crops...)
}

func (l *launch) free() {
	l.batch.Readback.Free()
	for _, v := range l.views() {
		v.Free()
	}
}

// launched takes a step that has been launched, and runs the hooks that are due.
func (r *Run) launched(l *launch) error {
	f := &r.flight
	if !f.deferred {
		return r.settle(l)
	}
	before := f.last
	f.last = l
	if before != nil {
		f.ahead = 1
		err := r.settle(before)
		if f.ahead = 0; err != nil && !ends(err) {
			return err
		} else if err != nil {
			return endOf(err, r.land())
		}
	}
	if r.settlesNow() {
		return r.land()
	}
	return nil
}

// land waits for the step in flight and runs its hooks. Afterwards the state of the run is
// that of its hooks: whoever reads or saves the state lands first.
func (r *Run) land() error {
	l := r.flight.last
	if l == nil {
		return nil
	}
	r.flight.last = nil
	return r.settle(l)
}

// settle waits for the figures of a step and runs the hooks. They see the run as it was
// after this step.
func (r *Run) settle(l *launch) error {
	s, out, start := l.step, l.out, time.Now()
	if r.flight.deferred {
		defer l.free()
		r.Model.Clock.Enter(methods.Other)
		l.batch.Readback.Wait()
		s.Compute += time.Since(start)
		if err := r.Model.Check(l.batch, out); err != nil {
			return r.failed(s, s.Step, err)
		}
	}
	s.Loss, s.Accuracy, s.Negatives = out.Value, out.Accuracy, out.Negatives
	s.Scores, s.Statistics, s.Trace, s.Jigsaw = out.Scores, out.Statistics, out.Trace, out.Jigsaw
	s.Vitals = out.Vitals
	inEpoch, global := r.StepInEpoch, r.GlobalStep
	defer func() { r.StepInEpoch, r.GlobalStep = inEpoch, global }()
	r.StepInEpoch, r.GlobalStep = s.Batch+1, s.Step
	s.Ranks = out.Ranks()
	if err := r.hear(s, s.Ranks); err != nil {
		return err
	}
	r.Meter.add(s)
	r.Model.Clock.Enter(methods.Recording)
	return r.ask(r.each(func(h Hook) func(*Run) error { return h.after(s) }))
}

// failed is the error of a step. It names nothing that the training has already.
func (r *Run) failed(s Step, global int, err error) error {
	help := "a lower --learning_rate, --warm or --precision fp32"
	if r.Config.Precision == "fp32" {
		help = "a lower --learning_rate or --warm"
	}
	return fmt.Errorf("epoch %d, step %d: %w: %s may help", s.Epoch, global, err, help)
}

// Launched returns the number of the newest step that has begun. On a device, while hooks
// run, it can be one more than GlobalStep: what a hook decides holds from the step after it.
func (r *Run) Launched() int { return r.GlobalStep + r.flight.ahead }

// settlesNow reports whether a hook wants to see the step before the next one is launched.
func (r *Run) settlesNow() bool {
	for _, h := range r.hooks() {
		if h.Settle != nil && h.Settle(r) {
			return true
		}
	}
	return false
}
