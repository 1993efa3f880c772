package train

import (
	"fmt"
	"math"

	"contralens/torch"
)

// read asks for the numbers of the losses.
func (s *Step) read(read *torch.Readback, l Losses, total *torch.Tensor) {
	s.Terms = make([]Value, len(l.Terms))
	for i, t := range l.Terms {
		s.Terms[i].Name = t.Name
		read.Value(t.Value, func(v float64) { s.Terms[i].Value = v })
	}
	read.Value(total, func(v float64) { s.Loss = v })
	read.Values(l.Classified, func(v []float64) { s.classified(v) })
	s.Losses = l
	s.Losses.Terms, s.Losses.Classified = nil, nil
}

// classified adds the numbers of Losses.Classified.
func (s *Step) classified(v []float64) {
	s.Right, s.RightForeground, s.Missed = s.Right+v[0], s.RightForeground+v[1], s.Missed+v[2]
}

// update moves the parameters, unless the loss or a gradient is not finite. On a device it is
// launched before the numbers of read arrive, for which it waits once.
func (r *Run) update(s *Step, read *torch.Readback, total *torch.Tensor) error {
	if read.Deferred() || r.Optimizer.Scale != nil {
		return r.guarded(s, read, total)
	}
	if err := r.lossError(s); err != nil {
		return err
	}
	if !r.Optimizer.Finite() {
		for name, p := range r.Model.Trained().NamedParameters() {
			if g := p.Grad(); g != nil && !torch.AllFinite([]*torch.Tensor{g}) {
				return r.diverged(*s, fmt.Sprintf("want finite gradients, but that of %s is not", name))
			}
		}
	}
	r.Optimizer.Step(s.Rate)
	return nil
}

// guarded is update where the device itself checks loss and gradients.
func (r *Run) guarded(s *Step, read *torch.Readback, total *torch.Tensor) error {
	stopped := false
	r.Optimizer.GuardedStep(s.Rate, total)
	r.Optimizer.Stopped(read, func(now bool) { stopped = now })
	read.Wait()
	switch {
	case !stopped:
		return nil
	case r.Optimizer.Scale != nil:
		return r.diverged(*s, "gradients overflow at any scale of the loss")
	}
	if err := r.lossError(s); err != nil {
		return err
	}
	return r.diverged(*s, "want finite gradients, but one is not")
}

// lossError returns the error of a step with a loss that is not finite.
func (r *Run) lossError(s *Step) error {
	for _, t := range s.Terms {
		if !finite(t.Value) {
			return r.diverged(*s, fmt.Sprintf("want a finite loss, got %v for %s", t.Value, t.Name))
		}
	}
	return nil
}

// diverged returns the error of an iteration whose values are not finite: what happened, what
// to change, and where to resume.
func (r *Run) diverged(s Step, what string) error {
	advice := fmt.Sprintf("the learning rate %.4g is too high for batches of %d; lower it, or make the warm-up longer",
		s.Rate, s.Images)
	if s.Images < 4 {
		advice += ", or freeze the norms, whose statistics so few images do not give"
	}
	last := "no checkpoint has been saved yet"
	if r.saved != "" {
		last = fmt.Sprintf("the last good checkpoint is %s, of iteration %d", r.saved, r.savedStep)
	}
	return fmt.Errorf("iteration %d of %d: %s: %s; %s", s.Iteration, r.Schedule.Total, what, advice, last)
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
