package optim

import "contralens/torch"

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
			var parameters, buffers, grads []*torch.Tensor
			var scales []float64
			for i, p := range s.Parameters {
				if g := p.Grad(); g != nil {
					parameters, buffers, grads = append(parameters, p), append(buffers, s.Buffers[i]), append(grads, g)
					if s.Scales != nil {
						scales = append(scales, s.Scales[i])
					}
				}
			}
			torch.ForeachAdd_(grads, parameters, s.WeightDecay)
			torch.ForeachMul_(buffers, s.Momentum)
			torch.ForeachAdd_(buffers, grads, 1)
			if scales == nil {
				torch.ForeachAdd_(parameters, buffers, -lr)
			}
			for i, scale := range scales {
				parameters[i].AddInto_(buffers[i], -lr*scale)
			}
		})
		for _, p := range s.Parameters {
			p.ClearGrad()
		}
	})
}

// Finite reports whether all gradients are finite, see [torch.AllFinite].
func (s *SGD) Finite() (ok bool) {
	torch.Scoped(func() {
		var grads []*torch.Tensor
		for _, p := range s.Parameters {
			if g := p.Grad(); g != nil {
				grads = append(grads, g)
			}
		}
		ok = torch.AllFinite(grads)
	})
	return ok
}

// Free drops the buffers.
func (s *SGD) Free() {
	for _, b := range s.Buffers {
		b.Free()
	}
}
