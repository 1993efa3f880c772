package methods

import "contralens/torch"

// Step trains on one batch with learning rate lr. A step whose loss or gradients are
// not finite changes no weights and returns a *NotFinite.
//
// With a deferred b.Readback, Step only launches the work. The figures are set when the
// Readback has been waited for, and Check then returns the error. No weights change from
// such a step until Check has returned it.
func (m *Model) Step(b *Batch, lr float64) (out Outcome, err error) {
	torch.Scoped(func() {
		defer m.Clock.Enter(Contrast)()
		defer m.Query.Tape.Drop()
		defer m.cast()()
		defer m.meet(b)()
		defer m.watch(b)()
		out = m.Method.Forward(b)
		m.told(b, &out)
		m.examine(b, &out)
		if !b.Readback.Deferred() && !finite(out.Value) {
			err = m.findForward(b)
			return
		}
		m.Clock.Enter(Backward)
		m.Backward(m.Optimizer.Scaled(out.Loss))
		m.average()
		m.examineGradient(b, &out)
		m.Clock.Enter(Update)
		if b.Readback.Deferred() || m.Optimizer.Scale != nil {
			if m.updateGuarded(b, &out, lr); !b.Readback.Deferred() {
				err = m.Check(b, out)
			}
			return
		}
		if !m.Optimizer.Finite() {
			err = m.findGradient()
			return
		}
		m.Optimizer.Step(lr)
		if out.AfterStep != nil {
			out.AfterStep()
		}
	})
	return out, err
}

// updateGuarded is the update of a step whose loss and gradients the host has not read.
func (m *Model) updateGuarded(b *Batch, out *Outcome, lr float64) {
	m.Optimizer.GuardedStep(lr, out.Loss)
	out.stopped = new(bool)
	m.Optimizer.Stopped(b.Readback, func(stopped bool) { *out.stopped = stopped })
	if stopped, _ := m.Optimizer.Guard(); out.AfterStep != nil && !stopped {
		out.AfterStep()
	}
	b.Readback.Start()
}

// Check returns the *NotFinite of a step whose Readback has been waited for, or nil. b and
// its tensors are those of the step.
func (m *Model) Check(b *Batch, out Outcome) error {
	if out.stopped == nil || !*out.stopped {
		return nil
	}
	m.Optimizer.Release()
	defer m.cast()()
	if !finite(out.Value) {
		return m.findForward(b)
	}
	return m.repeatGradient(b)
}

// Backward computes the gradients of the parameters, including those of the pieces on
// the encoder's tape.
func (m *Model) Backward(loss *torch.Tensor) {
	loss.Backward()
	if m.gathering != nil {
		m.reduce()
		return
	}
	m.Query.Tape.Backward(m.autocast)
}

// told sets what the processes of the world told each other in the step.
func (m *Model) told(b *Batch, out *Outcome) {
	if x := m.gathering; x != nil {
		told := new([]Control)
		out.ranks = told
		b.Readback.Then(func() { *told = x.ranks })
	}
}
