package optim

import (
	"math"
	"slices"

	"contralens/torch"
)

// Rule moves a parameter otherwise than SGD does. Rules compute with operators that every
// device has, a parameter at a time.
type Rule interface {
	// begin is called once before the updates of a step.
	begin(change func(t, to *torch.Tensor))
	// update passes what parameter p, the i-th, its buffer and further state become to change,
	// given its gradient g, its weight decay and its rate.
	update(i int, p, buffer, g *torch.Tensor, s *SGD, decay, rate float64, change func(t, to *torch.Tensor))
	// free drops the state.
	free()
}

// byRule is the update by s.Rule. If found, float32 [], is not nil and 1, it changes nothing.
func (u update) byRule(s *SGD, lr float64, found *torch.Tensor) {
	change := func(t, to *torch.Tensor) {
		if found != nil {
			to = to.Where(found.Eq(torch.ZerosLike(found)), t)
		}
		t.Copy_(to)
	}
	s.Rule.begin(change)
	for i, p := range u.parameters {
		decay, rate := s.WeightDecay, lr
		if u.decays != nil {
			decay = u.decays[i]
		}
		if u.scales != nil {
			rate *= u.scales[i]
		}
		torch.Scoped(func() {
			s.Rule.update(u.indices[i], p, u.buffers[i], u.gradients[i], s, decay, rate, change)
		})
	}
}

// LARS scales the update of each layer to the length of its weights (You et al., 2017), for
// large batches:
//
//	g ← ∇ + wd θ    v ← μ v + η |θ|/|g| g    θ ← θ - lr v
//
// Biases and the parameters of norms, which have one dimension, move by SGD without weight
// decay, as in SimCLR (Chen et al., 2020) and BYOL (Grill et al., 2020).
type LARS struct {
	Trust float64 // η; both papers take 0.001
}

// NewLARS makes an optimizer with v = 0. Free it when done.
func NewLARS(parameters []*torch.Tensor, momentum, weightDecay, trust float64) *SGD {
	s := NewSGD(parameters, momentum, weightDecay)
	s.ExemptVectors()
	s.Rule = LARS{trust}
	return s
}

func (LARS) begin(func(t, to *torch.Tensor)) {}
func (LARS) free()                           {}

func (l LARS) update(
	_ int, p, buffer, g *torch.Tensor, s *SGD, decay, rate float64, change func(t, to *torch.Tensor),
) {
	g = g.AddScaled(p, decay)
	if p.Dim() > 1 {
		weights, gradient := p.Norm(), g.Norm()
		trust := weights.Div(gradient).MulScalar(l.Trust)
		// A layer without weights or gradients moves as by SGD.
		both := weights.Mul(gradient).Gt(torch.ZerosLike(weights))
		g = g.Mul(trust.Where(both, torch.OnesLike(trust)))
	}
	v := buffer.MulScalar(s.Momentum).Add(g)
	change(buffer, v)
	change(p, p.AddScaled(v, -rate))
}

// AdamW is Adam with weight decay apart from the gradient (Loshchilov & Hutter, ICLR 2019),
// as in PyTorch. In step t
//
//	θ ← θ - lr wd θ    m ← μ m + (1-μ) ∇    v ← β v + (1-β) ∇²
//	θ ← θ - lr m/(1-μ^t) / (√(v/(1-β^t)) + ε)
//
// SGD.Buffers are m.
type AdamW struct {
	Beta    float64         // β
	Epsilon float64         // ε
	Squares []*torch.Tensor // v
	Steps   *torch.Tensor   // t, float64 []
}

// NewAdamW makes an optimizer with m = v = 0. momentum is μ. Free it when done.
func NewAdamW(parameters []*torch.Tensor, momentum, beta, weightDecay float64) *SGD {
	s := NewSGD(parameters, momentum, weightDecay)
	a := &AdamW{Beta: beta, Epsilon: 1e-8}
	o := torch.Options{Dtype: torch.Float64}
	for _, p := range parameters {
		a.Squares = append(a.Squares, torch.ZerosLike(p).Keep())
		o.Device = p.Device()
	}
	torch.NoGrad(func() { a.Steps = torch.Zeros(nil, o).Keep() })
	s.Rule = a
	return s
}

func (a *AdamW) begin(change func(t, to *torch.Tensor)) { change(a.Steps, a.Steps.AddScalar(1)) }

func (a *AdamW) update(
	i int, p, buffer, g *torch.Tensor, s *SGD, decay, rate float64, change func(t, to *torch.Tensor),
) {
	// 1 - b^t
	rest := func(b float64) *torch.Tensor { return a.Steps.MulScalar(math.Log(b)).Exp().SubFrom(1) }
	m := buffer.MulScalar(s.Momentum).AddScaled(g, 1-s.Momentum)
	v := a.Squares[i].MulScalar(a.Beta).AddScaled(g.Square(), 1-a.Beta)
	length := v.Sqrt().Div(rest(a.Beta).Sqrt()).AddScalar(a.Epsilon)
	change(buffer, m)
	change(a.Squares[i], v)
	change(p, p.MulScalar(1-rate*decay).Sub(m.Div(length).Mul(rest(s.Momentum).Reciprocal().MulScalar(rate))))
}

func (a *AdamW) free() {
	for _, v := range a.Squares {
		v.Free()
	}
	a.Steps.Free()
}

// State returns the tensors that an optimizer keeps between steps.
func (s *SGD) State() []*torch.Tensor {
	if a, ok := s.Rule.(*AdamW); ok {
		return slices.Concat(s.Buffers, a.Squares, []*torch.Tensor{a.Steps})
	}
	return s.Buffers
}

// ExemptVectors turns weight decay off for parameters of one dimension: biases and norms.
func (s *SGD) ExemptVectors() {
	s.Decays = make([]float64, len(s.Parameters))
	for i, p := range s.Parameters {
		if p.Dim() > 1 {
			s.Decays[i] = s.WeightDecay
		}
	}
}
