// Package layers implements the layers of networks, and the Builder that makes them
// with seeded initial values under PyTorch's names.
//
// A layer's input belongs to the caller; its output is a new tensor. A layer frees
// intermediate tensors as soon as autograd allows. Wrong shapes panic with a
// *torch.Error, which torch.Run turns into an error.
package layers

import (
	"strings"

	"contralens/torch"
)

// Layer is a differentiable function of a tensor.
type Layer interface {
	Forward(x *torch.Tensor) *torch.Tensor
}

// Func adapts a function to a Layer.
type Func func(x *torch.Tensor) *torch.Tensor

// Forward calls f.
func (f Func) Forward(x *torch.Tensor) *torch.Tensor { return f(x) }

// Sequential applies layers one after another.
type Sequential []Layer

// Forward applies the layers to x. It frees the tensors in between.
func (s Sequential) Forward(x *torch.Tensor) *torch.Tensor {
	y := x
	for _, l := range s {
		z := l.Forward(y)
		if y != x && y != z {
			y.Free()
		}
		y = z
	}
	return y
}

// ReLU is max(x, 0). After batch norm, BatchNorm.ReLU is faster.
var ReLU Layer = Func((*torch.Tensor).Relu)

// MaxPool takes the maximum over windows of Kernel x Kernel: [N, C, H, W] to
// [N, C, (H+2·Padding-Kernel)/Stride+1, …].
type MaxPool struct{ Kernel, Stride, Padding int }

// Forward pools x.
func (p MaxPool) Forward(x *torch.Tensor) *torch.Tensor {
	return x.MaxPool2d(p.Kernel, p.Stride, p.Padding)
}

// Conv has the settings of a convolution. A field that is 0 has its default.
type Conv struct {
	Kernel  int // side, default 1
	Stride  int // default 1
	Padding int // zeros on each side, default 0
	Groups  int // groups of channels that are convolved separately, default 1
	Bias    bool
	Init    Init
}

// Init draws the initial values of a layer. A field that is nil has the layer's default.
type Init struct {
	Weight, Bias func() float64
}

func (i Init) or(weight, bias func() float64) Init {
	if i.Weight != nil {
		weight = i.Weight
	}
	if i.Bias != nil {
		bias = i.Bias
	}
	return Init{weight, bias}
}

// Conv2d is a two-dimensional convolution, [N, in, H, W] to [N, out, H', W'].
type Conv2d struct {
	Weight *torch.Tensor // [out, in/groups, kernel, kernel]
	Bias   *torch.Tensor // [out], or nil
	conv   Conv
	name   string
}

// Conv2d makes a convolution from in to out channels. By default its weights are drawn by
// KaimingNormal, its bias as PyTorch does.
func (b Builder) Conv2d(name string, in, out int, c Conv) *Conv2d {
	c.Kernel, c.Stride, c.Groups = max(c.Kernel, 1), max(c.Stride, 1), max(c.Groups, 1)
	b = b.At(name)
	shape := []int{out, in / c.Groups, c.Kernel, c.Kernel}
	init := c.Init.or(b.KaimingNormal(out*c.Kernel*c.Kernel), b.Uniform(shape[1]*c.Kernel*c.Kernel))
	l := &Conv2d{conv: c, name: b.name(), Weight: b.Parameter("weight", shape, init.Weight)}
	if c.Bias {
		l.Bias = b.Parameter("bias", []int{out}, init.Bias)
	}
	return l
}

// Forward convolves x.
func (l *Conv2d) Forward(x *torch.Tensor) *torch.Tensor {
	c := l.conv
	return observed(l.name, x.Conv2d(l.Weight, l.Bias, c.Stride, c.Padding, 1, c.Groups))
}

// Linear is x·Wᵀ + b, [..., in] to [..., out].
type Linear struct {
	Weight *torch.Tensor // [out, in]
	Bias   *torch.Tensor // [out]
	name   string
}

// Linear makes a fully connected layer with PyTorch's default initial values.
func (b Builder) Linear(name string, in, out int) *Linear { return b.LinearInit(name, in, out, Init{}) }

// LinearInit is Linear with other initial values.
func (b Builder) LinearInit(name string, in, out int, init Init) *Linear {
	b = b.At(name)
	init = init.or(b.Uniform(in), b.Uniform(in))
	return &Linear{
		name:   b.name(),
		Weight: b.Parameter("weight", []int{out, in}, init.Weight),
		Bias:   b.Parameter("bias", []int{out}, init.Bias),
	}
}

// Forward maps x [..., in] to [..., out].
func (l *Linear) Forward(x *torch.Tensor) *torch.Tensor {
	return observed(l.name, x.Linear(l.Weight, l.Bias))
}

// Upscale is a transposed convolution that doubles the side of a map, [N, in, H, W] to
// [N, out, 2H, 2W]: each position becomes 2 x 2 of their own weights.
type Upscale struct {
	Weight *torch.Tensor // [in, out, 2, 2]
	Bias   *torch.Tensor // [out]
	name   string
}

// Upscale makes a transposed convolution. By default its weights are drawn by KaimingNormal
// for a fan-out of 4·in, as PyTorch counts it for such a layer, and its bias is 0.
func (b Builder) Upscale(name string, in, out int) *Upscale {
	b = b.At(name)
	return &Upscale{
		name:   b.name(),
		Weight: b.Parameter("weight", []int{in, out, 2, 2}, b.KaimingNormal(4*in)),
		Bias:   b.Parameter("bias", []int{out}, Constant(0)),
	}
}

// Forward maps x [N, in, H, W] to [N, out, 2H, 2W].
func (l *Upscale) Forward(x *torch.Tensor) *torch.Tensor {
	return observed(l.name, x.ConvTranspose2d(l.Weight, l.Bias, 2))
}

// LayerNorm normalizes each vector of the last dimension (Ba et al., 2016), [..., D] to
// [..., D], then scales and shifts it by trained factors. Its eps is 1e-6, as is usual
// in vision transformers.
type LayerNorm struct {
	Weight, Bias *torch.Tensor // [D]
	name         string
}

// LayerNorm makes a layer norm for vectors of size dim, with weight 1 and bias 0.
func (b Builder) LayerNorm(name string, dim int) *LayerNorm {
	b = b.At(name)
	return &LayerNorm{
		name:   b.name(),
		Weight: b.Parameter("weight", []int{dim}, Constant(1)),
		Bias:   b.Parameter("bias", []int{dim}, Constant(0)),
	}
}

// Forward normalizes x; if x is bfloat16, it computes in float32.
func (n *LayerNorm) Forward(x *torch.Tensor) *torch.Tensor {
	if x.Dtype() == torch.BFloat16 {
		x = x.To(torch.Float32)
		defer x.Free()
	}
	return observed(n.name, x.LayerNorm(n.Weight, n.Bias, 1e-6))
}

// name returns the name of the layer whose tensors the builder makes.
func (b Builder) name() string { return b.renamed(strings.TrimSuffix(b.prefix, ".")) }
