package optim

import "contralens/torch"

// guard stops the updates once a loss or a gradient is not finite. On a device it is a
// tensor, so that the host need not wait for a step before it launches the next one.
type guard struct {
	stopped bool // on the CPU
	// On a device, float32 []: found is 1 if it stopped, else 0; inverse is the factor of
	// the gradients, 1 unless the loss was scaled.
	found, inverse *torch.Tensor
	// Of a scaled loss, float32 []: lost is 1 once a loss itself was not finite, which no scale
	// mends; one is 1.
	lost, one *torch.Tensor
}

// on makes the tensors on a device.
func (g *guard) on(d torch.Device) {
	if g.found == nil {
		g.found = torch.Zeros(nil, torch.Options{Device: d}).Keep()
		g.inverse = torch.Ones(nil, torch.Options{Device: d}).Keep()
		g.lost = torch.ZerosLike(g.found).Keep()
		g.one = torch.OnesLike(g.found).Keep()
	}
}

// free drops the tensors.
func (g *guard) free() {
	for _, t := range []*torch.Tensor{g.found, g.inverse, g.lost, g.one} {
		t.Free()
	}
}

// GuardedStep is Step for a loss that the host has not read. If the loss or a gradient is
// not finite, this step and all later ones change nothing, until Release is called. With a
// Scale, the gradients are those of Scaled, and their overflow stops one step alone.
func (s *SGD) GuardedStep(lr float64, loss *torch.Tensor) {
	torch.NoGrad(func() {
		torch.Scoped(func() {
			if d := loss.Device(); !d.IsCPU() || s.Scale != nil {
				s.guard.on(d)
				s.guardFused(lr, loss)
				return
			}
			u := s.take()
			s.guard.stopped = s.guard.stopped || !torch.AllFinite(append(u.gradients, loss))
			if !s.guard.stopped {
				u.plain(s, lr)
			}
		})
	})
}

// guardFused is GuardedStep on a device: a few operators for all parameters.
func (s *SGD) guardFused(lr float64, loss *torch.Tensor) {
	u, value := s.take(), loss.Detach().Clone()
	if s.Scale != nil {
		torch.Unscale_([]*torch.Tensor{value}, s.guard.lost, s.guard.one)
		s.Scale.begin(&s.guard)
	}
	torch.Unscale_(append(u.gradients, value), s.guard.found, s.guard.inverse)
	u.fused(s, lr, s.guard.found)
	if s.Scale != nil {
		s.Scale.end(s.guard.found)
	}
}

// Stopped asks whether a guarded step so far has stopped the updates. With a Scale, that is
// so if a loss was not finite, or if gradients still overflow without a scale.
func (s *SGD) Stopped(r *torch.Readback, use func(stopped bool)) {
	if s.Scale != nil {
		torch.Scoped(func() {
			lost := false
			r.Value(s.guard.lost, func(v float64) { lost = v != 0 })
			// The inverse, so that the zeros of a fake device, which computes nothing, do not stop.
			r.Value(s.Scale.scale.View().Reciprocal(), func(v float64) { use(lost || v > 1/leastScale) })
		})
		return
	}
	if s.guard.found == nil {
		stopped := s.guard.stopped
		r.Then(func() { use(stopped) })
		return
	}
	r.Value(s.guard.found, func(v float64) { use(v != 0) })
}

// Guard returns what stops further updates: stopped on the CPU, and on a device found,
// float32 [], which is 1 then and 0 before. found is nil if no step was guarded there.
func (s *SGD) Guard() (stopped bool, found *torch.Tensor) { return s.guard.stopped, s.guard.found }

// Release lets guarded steps change the parameters again.
func (s *SGD) Release() {
	if s.Scale != nil {
		s.Scale.SetState(FirstScale, 0)
	}
	s.guard.stopped = false
	if s.guard.found != nil {
		torch.NoGrad(func() { s.guard.found.Zero_(); s.guard.lost.Zero_() })
	}
}
