package methods

import "contralens/torch"

// Step trains on one batch with learning rate lr. A step whose loss or gradients are
// not finite changes no weights and returns a *NotFinite.
func (m *Model) Step(b *Batch, lr float64) (out Outcome, err error) {
	torch.Scoped(func() {
		defer m.Clock.Enter(Contrast)()
		defer m.Query.Tape.Drop()
		out = m.Method.Forward(b)
		if !finite(out.Value) {
			err = m.findForward(b)
			return
		}
		m.Clock.Enter(Backward)
		m.Backward(out.Loss)
		m.Clock.Enter(Update)
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

// Backward computes the gradients of the parameters, including those of the pieces on
// the encoder's tape.
func (m *Model) Backward(loss *torch.Tensor) {
	loss.Backward()
	m.Query.Tape.Backward(m.autocast)
}
