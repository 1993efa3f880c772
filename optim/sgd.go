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
	Decays      []float64       // wd of each parameter, such as 0 for norms; nil: WeightDecay for all
	Scales      []float64       // factors of lr, one per parameter, for layer-wise rates; nil: all 1
	Scale       *LossScale      // of GuardedStep; nil: the loss is not scaled
	Rule        Rule            // LARS or AdamW, see NewLARS and NewAdamW; nil: SGD

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
	decays                         []float64 // nil: all WeightDecay
	indices                        []int     // among all parameters
}

// take takes the gradients from the parameters.
func (s *SGD) take() (u update) {
	for i, g := range torch.TakeGrads(s.Parameters) {
		if g == nil {
			continue
		}
		u.parameters, u.gradients = append(u.parameters, s.Parameters[i]), append(u.gradients, g)
		u.buffers, u.indices = append(u.buffers, s.Buffers[i]), append(u.indices, i)
		if s.Scales != nil {
			u.scales = append(u.scales, s.Scales[i])
		}
		if s.Decays != nil {
			u.decays = append(u.decays, s.Decays[i])
		}
	}
	return u
}

// plain is the update by operators that every device has. It overwrites the gradients.
func (u update) plain(s *SGD, lr float64) {
	if s.Rule != nil {
		u.byRule(s, lr, nil)
		return
	}
	if u.decays == nil {
		torch.ForeachAdd_(u.gradients, u.parameters, s.WeightDecay)
	} else {
		decaying := u
		decaying.scales = nil
		for _, g := range decaying.groups() {
			torch.ForeachAdd_(g.gradients, g.parameters, g.decays[0])
		}
	}
	torch.ForeachMul_(u.buffers, s.Momentum)
	torch.ForeachAdd_(u.buffers, u.gradients, 1)
	if u.scales == nil {
		torch.ForeachAdd_(u.parameters, u.buffers, -lr)
	}
	for i, scale := range u.scales {
		u.parameters[i].AddInto_(u.buffers[i], -lr*scale)
	}
}

// fused is the update of a device in one pass for each group. If found is not nil and 1, it
// changes nothing.
func (u update) fused(s *SGD, lr float64, found *torch.Tensor) {
	if s.Rule != nil {
		u.byRule(s, lr, found)
		return
	}
	for _, g := range u.groups() {
		scale, decay := 1.0, s.WeightDecay
		if g.scales != nil {
			scale = g.scales[0]
		}
		if g.decays != nil {
			decay = g.decays[0]
		}
		torch.FusedSGD_(g.parameters, g.gradients, g.buffers, torch.SGDStep{
			Rate: lr * scale, Momentum: s.Momentum, WeightDecay: decay, Found: found,
		})
	}
}

// groups splits the update into parts of equal rates and decays.
func (u update) groups() (groups []update) {
	if len(u.parameters) == 0 {
		return nil
	}
	if u.scales == nil && u.decays == nil {
		return []update{u}
	}
	for i := range u.parameters {
		scales, decays := at(u.scales, i), at(u.decays, i)
		n := slices.IndexFunc(groups, func(g update) bool {
			return slices.Equal(g.scales, scales) && slices.Equal(g.decays, decays)
		})
		if n < 0 {
			n = len(groups)
			groups = append(groups, update{scales: scales, decays: decays})
		}
		g := &groups[n]
		g.parameters, g.buffers = append(g.parameters, u.parameters[i]), append(g.buffers, u.buffers[i])
		g.gradients = append(g.gradients, u.gradients[i])
	}
	return groups
}

// at returns the i-th number alone, and nil if there are none.
func at(numbers []float64, i int) []float64 {
	if numbers == nil {
		return nil
	}
	return numbers[i : i+1 : i+1]
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
	if s.Rule != nil {
		s.Rule.free()
	}
	s.guard.free()
}
