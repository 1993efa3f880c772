package layers

import "contralens/torch"

// PyTorch's defaults for batch norm.
const (
	normMomentum = 0.1
	normEps      = 1e-5
)

// BatchNorm normalizes each channel over batch and image (Ioffe & Szegedy, 2015), then
// scales and shifts it by trained factors. It maps [N, C, H, W] or [N, C] to the same
// shape.
type BatchNorm struct {
	Weight, Bias   *torch.Tensor // [C]
	Mean, Variance *torch.Tensor // running statistics, [C]
	Batches        *torch.Tensor // number of batches in the running statistics, int64 [], on the CPU
	name           string
	mode           *Mode
	groups         int // parts of the batch with separate statistics; 0 and 1: one
}

// BatchNorm makes a batch norm with weight 1, bias 0, running mean 0 and running
// variance 1.
func (b Builder) BatchNorm(name string, channels int) *BatchNorm {
	b = b.At(name)
	shape := []int{channels}
	return &BatchNorm{
		name:     b.name(),
		Weight:   b.Parameter("weight", shape, Constant(1)),
		Bias:     b.Parameter("bias", shape, Constant(0)),
		Mean:     b.Buffer("running_mean", torch.Zeros(shape)),
		Variance: b.Buffer("running_var", torch.Ones(shape)),
		Batches:  b.Counter("num_batches_tracked"),
		mode:     b.Mode(),
		groups:   b.network.Groups,
	}
}

// Together is batch norm in training of a batch that is spread over several processes, by the
// statistics of all its rows. x has the own rows, mean and variance are the running statistics
// or nil. A group of package torch/dist does it.
type Together interface {
	Norm(x, weight, bias, mean, variance *torch.Tensor, momentum, eps float64) *torch.Tensor
}

// Forward normalizes x.
func (n *BatchNorm) Forward(x *torch.Tensor) *torch.Tensor { return n.forward(x, nil, false) }

// ReLU returns the layer followed by ReLU, fused in one kernel where possible.
func (n *BatchNorm) ReLU() Layer { return normRelu{n} }

type normRelu struct{ *BatchNorm }

func (n normRelu) Forward(x *torch.Tensor) *torch.Tensor { return n.forward(x, nil, true) }

// ForwardAddRelu returns ReLU(norm(x) + shortcut), the end of a residual block.
func (n *BatchNorm) ForwardAddRelu(x, shortcut *torch.Tensor) *torch.Tensor {
	return n.forward(x, shortcut, true)
}

func (n *BatchNorm) forward(x, shortcut *torch.Tensor, relu bool) *torch.Tensor {
	mean, variance, train := n.Mean, n.Variance, n.mode.Train
	switch {
	case !train:
	case recomputing:
		mean, variance = nil, nil // the first pass has updated them
	default:
		n.Batches.AddInt_(1)
	}
	groups := n.parts(x.Size(0))
	together := n.mode.Together
	if !train {
		together = nil
	}
	if together == nil && n.fuses(x, shortcut) {
		return x.FusedNorm(torch.Norm{
			Weight: n.Weight, Bias: n.Bias, Mean: mean, Variance: variance,
			Train: train, Groups: groups, Momentum: n.mode.momentum(), Eps: normEps,
		}, shortcut, relu)
	}
	var y *torch.Tensor
	switch {
	case together != nil:
		y = together.Norm(x, n.Weight, n.Bias, mean, variance, n.mode.momentum(), normEps)
	case groups > 1:
		y = n.normalizeSplit(x, groups)
	default:
		y = x.BatchNorm(n.Weight, n.Bias, mean, variance, train, n.mode.momentum(), normEps)
	}
	observed(n.name, y)
	if shortcut != nil {
		y.AddInto_(shortcut, 1)
	}
	if relu {
		y.Relu_()
	}
	return y
}

// fuses reports whether one kernel does it all. An observer needs the output of batch
// norm itself, which the kernel does not return.
func (n *BatchNorm) fuses(x, shortcut *torch.Tensor) bool {
	return !plainNorm && observer == nil && x.FusesNorm() && (shortcut == nil || shortcut.Dtype() == x.Dtype())
}

// plainNorm turns the fused kernel off.
var plainNorm bool

// WithoutFusedNorm runs f with batch norm by libtorch's operators alone, to compare the
// kernel with them. Call it on the goroutine that computes.
func WithoutFusedNorm(f func()) {
	before := plainNorm
	plainNorm = true
	defer func() { plainNorm = before }()
	f()
}
