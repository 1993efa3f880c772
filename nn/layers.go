package nn

import (
	"strings"

	"contralens/torch"
)

// conv is a convolution without bias.
type conv struct {
	name            string        // in the state dict, as batchNorm's and linear's
	weight          *torch.Tensor // [out, in/groups, k, k]
	stride, padding int
	groups          int
}

func (b builder) conv(name string, in, out, kernel, stride, padding, groups int) *conv {
	w := b.at(name).parameter("weight", []int{out, in / groups, kernel, kernel}, b.kaimingNormal(out*kernel*kernel))
	return &conv{name: b.prefix + name, weight: w, stride: stride, padding: padding, groups: groups}
}

func (c *conv) Forward(x *torch.Tensor) *torch.Tensor {
	return observed(c.name, x.Conv2d(c.weight, nil, c.stride, c.padding, 1, c.groups))
}

// batchNorm has PyTorch's defaults: eps 1e-5, momentum 0.1.
type batchNorm struct {
	name                         string
	weight, bias, mean, variance *torch.Tensor // [channels]
	batches                      *torch.Tensor // int64 []
	train                        *bool
	groups                       int // parts of the batch with statistics of their own; 0 and 1: none
}

func (b builder) batchNorm(name string, channels int) *batchNorm {
	b = b.at(name)
	shape := []int{channels}
	return &batchNorm{
		name:     strings.TrimSuffix(b.prefix, "."),
		weight:   b.parameter("weight", shape, constant(1)),
		bias:     b.parameter("bias", shape, constant(0)),
		mean:     b.add("running_mean", true, torch.Zeros(shape)),
		variance: b.add("running_var", true, torch.Ones(shape)),
		batches:  b.add("num_batches_tracked", true, torch.Zeros(nil, torch.Options{Dtype: torch.Int64})),
		train:    b.train,
		groups:   b.groups,
	}
}

// Forward takes ownership of x, a tensor that nobody else uses.
func (n *batchNorm) Forward(x *torch.Tensor) *torch.Tensor { return n.forward(x, nil, false) }

// ForwardRelu is Forward and then ReLU.
func (n *batchNorm) ForwardRelu(x *torch.Tensor) *torch.Tensor { return n.forward(x, nil, true) }

// ForwardAddRelu is Forward, plus shortcut, then ReLU. The shortcut stays the
// caller's.
func (n *batchNorm) ForwardAddRelu(x, shortcut *torch.Tensor) *torch.Tensor {
	return n.forward(x, shortcut, true)
}

func (n *batchNorm) forward(x, shortcut *torch.Tensor, relu bool) *torch.Tensor {
	defer x.Free()
	mean, variance := n.mean, n.variance
	switch {
	case !*n.train:
	case recomputing:
		mean, variance = nil, nil // they have moved
	default:
		n.batches.AddInt_(1)
	}
	groups := n.parts(x.Size(0))
	if n.fuses(x, shortcut) {
		return x.FusedNorm(torch.Norm{Weight: n.weight, Bias: n.bias, Mean: mean, Variance: variance, Train: *n.train, Groups: groups, Momentum: 0.1, Eps: 1e-5}, shortcut, relu)
	}
	var y *torch.Tensor
	if groups > 1 {
		y = n.normalizeSplit(x, groups)
	} else {
		y = x.BatchNorm(n.weight, n.bias, mean, variance, *n.train, 0.1, 1e-5)
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

// fuses says whether one kernel does all of it. An observer sees batch norm's own
// output, which the kernel keeps to itself.
func (n *batchNorm) fuses(x, shortcut *torch.Tensor) bool {
	return !plainNorm && observer == nil && x.FusesNorm() && (shortcut == nil || shortcut.Dtype() == x.Dtype())
}

// plainNorm turns the kernel off, for tests and benchmarks.
var plainNorm bool

// linear is a fully connected layer with bias.
type linear struct {
	name         string
	weight, bias *torch.Tensor // [out, in], [out]
}

func (b builder) linear(name string, in, out int) *linear {
	b = b.at(name)
	return &linear{
		name:   strings.TrimSuffix(b.prefix, "."),
		weight: b.parameter("weight", []int{out, in}, b.uniform(in)),
		bias:   b.parameter("bias", []int{out}, b.uniform(in)),
	}
}

func (l *linear) Forward(x *torch.Tensor) *torch.Tensor {
	return observed(l.name, x.Linear(l.weight, l.bias))
}
