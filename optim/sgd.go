package optim

import (
	"slices"

	"contralens/torch"
)

// SGD is stochastic gradient descent with momentum and L2 penalty, as in PyTorch without
// dampening and Nesterov momentum:
//
//	g ← ∇ + wd θ    v ← μ v + g    θ ← θ - lr v
type SGD struct {
	Parameters  []*torch.Tensor
	Buffers     []*torch.Tensor // v, in the order of Parameters
	Momentum    float64         // μ
	WeightDecay float64         // wd
	Scales      []float64       // factors of lr, one per parameter, for layer-wise rates; nil: all 1
	Scale       *LossScale      // of GuardedStep; nil: the loss is not scaled

	guard guard
}

// NewSGD makes an optimizer with v = 0. Free it when done.
func NewSGD(parameters []*torch.Tensor, momentum, weightDecay float64) *SGD {
	s := &SGD{Parameters: parameters, Momentum: momentum, WeightDecay: weightDecay}
	torch.NoGrad(func() {
		for _, p := range parameters {
			s.Buffers = append(s.Buffers, torch.ZerosLike(p).Keep())
		}
	})
	return s
}

// Step updates the parameters that have a gradient and then drops all gradients.
func (s *SGD) Step(lr float64) {
	torch.NoGrad(func() {
		torch.Scoped(func() {
			u := s.take()
			if len(u.parameters) == 0 || u.parameters[0].Device().IsCPU() {
				u.plain(s, lr)
			} else {
				u.fused(s, lr, nil)
			}
		})
	})
}

// update has the parameters that have a gradient.
type update struct {
	parameters, buffers, gradients []*torch.Tensor
	scales                         []float64 // nil: all 1
}

// take takes the gradients from the parameters.
func (s *SGD) take() (u update) {
	for i, g := range torch.TakeGrads(s.Parameters) {
		if g == nil {
			continue
		}
		u.parameters, u.gradients = append(u.parameters, s.Parameters[i]), append(u.gradients, g)
		u.buffers = append(u.buffers, s.Buffers[i])
		if s.Scales != nil {
			u.scales = append(u.scales, s.Scales[i])
		}
	}
	return u
}

// plain is the update by operators that every device has. It overwrites the gradients.
func (u update) plain(s *SGD, lr float64) {
	torch.ForeachAdd_(u.gradients, u.parameters, s.WeightDecay)
	torch.ForeachMul_(u.buffers, s.Momentum)
	torch.ForeachAdd_(u.buffers, u.gradients, 1)
	if u.scales == nil {
		torch.ForeachAdd_(u.parameters, u.buffers, -lr)
	}
	for i, scale := range u.scales {
		u.parameters[i].AddInto_(u.buffers[i], -lr*scale)
	}
}

// fused is the update of a device in one pass for each rate. If found is not nil and 1, it
// changes nothing.
func (u update) fused(s *SGD, lr float64, found *torch.Tensor) {
	for _, part := range u.byScale() {
		scale := 1.0
		if part.scales != nil {
			scale = part.scales[0]
		}
		torch.FusedSGD_(part.parameters, part.gradients, part.buffers, torch.SGDStep{
			Rate: lr * scale, Momentum: s.Momentum, WeightDecay: s.WeightDecay, Found: found,
		})
	}
}

// byScale splits the update into parts of equal rates.
func (u update) byScale() (parts []update) {
	if len(u.parameters) == 0 {
		return nil
	}
	if u.scales == nil {
		return []update{u}
	}
	for i, scale := range u.scales {
		at := slices.IndexFunc(parts, func(p update) bool { return p.scales[0] == scale })
		if at < 0 {
			at = len(parts)
			parts = append(parts, update{scales: []float64{scale}})
		}
		p := &parts[at]
		p.parameters, p.buffers = append(p.parameters, u.parameters[i]), append(p.buffers, u.buffers[i])
		p.gradients = append(p.gradients, u.gradients[i])
	}
	return parts
}

// Finite reports whether all gradients are finite, see [torch.AllFinite].
func (s *SGD) Finite() (ok bool) {
	torch.Scoped(func() {
		ok = torch.AllFinite(slices.DeleteFunc(torch.Grads(s.Parameters), func(g *torch.Tensor) bool { return g == nil }))
	})
	return ok
}

// Free drops the buffers.
func (s *SGD) Free() {
	for _, b := range s.Buffers {
		b.Free()
	}
	s.Scale.free()
	s.guard.free()
}
