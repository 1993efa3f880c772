package torch

/*
#include "core.h"
*/
import "C"

// The operators of neural networks. Images are [N, C, H, W].

// Relu is max(t, 0).
func (t *Tensor) Relu() *Tensor { return call("aten::relu", t) }

// Relu_ is Relu in place.
func (t *Tensor) Relu_() *Tensor { return t.inplace("aten::relu_") }

// Conv2d is a convolution of t [N, C, H, W] with weight [O, C/groups, kh, kw]
// and bias [O] or nil.
func (t *Tensor) Conv2d(weight, bias *Tensor, stride, padding, dilation, groups int) *Tensor {
	if weight.Size(2) == 1 && weight.Size(3) == 1 && stride > 1 && padding == 0 && t.Size(1) < fewChannels &&
		t.Device().IsCPU() {
		return Scoped1(func() *Tensor { return t.every(2, stride).every(3, stride).Conv2d(weight, bias, 1, 0, 1, groups) })
	}
	return call("aten::conv2d", t, weight.casted(), bias, []int{stride, stride}, []int{padding, padding},
		[]int{dilation, dilation}, groups)
}

// ConvTranspose2d is the transposed convolution of t [N, I, H, W] with weight [I, O, k, k]
// and bias [O] or nil, without padding: [N, O, (H-1)·stride + k, …].
func (t *Tensor) ConvTranspose2d(weight, bias *Tensor, stride int) *Tensor {
	return call("aten::conv_transpose2d.input", t, weight.casted(), bias, []int{stride, stride})
}

// UpsampleNearest2d repeats each position of t [N, C, h, w]: [N, C, H, W].
func (t *Tensor) UpsampleNearest2d(height, width int) *Tensor {
	return call("aten::upsample_nearest2d", t, []int{height, width})
}

// EmbeddingBag sums rows of t [n, d] with weights: row i of the result [bags, d] is
// Σ weights[j] t[indices[j]] for j from offsets[i] to the next offset, or to the end for the
// last bag; an empty bag is 0. indices and offsets are int64, weights have the type of t.
// The gradient flows to t alone.
func (t *Tensor) EmbeddingBag(indices, offsets, weights *Tensor) *Tensor {
	r := invoke("aten::embedding_bag", t, indices, offsets, false, 0, false, weights, false) // mode 0: sum
	for _, unneeded := range r[1:] {
		C.cl_free(unneeded.t)
	}
	return wrap(r[0].t)
}

// BCEWithLogits is the sum of the binary cross entropies of logits t and targets in its
// shape and type, Σ max(t, 0) - t·target + ln(1 + exp(-|t|)).
func (t *Tensor) BCEWithLogits(targets *Tensor) *Tensor {
	return call("aten::binary_cross_entropy_with_logits", t, targets, nil, nil, 2) // 2: sum
}

// fewChannels is the number of channels below which oneDNN writes out of bounds in a
// strided 1x1 convolution: in the gradient of the weights, for an odd number of images,
// with two threads, in channels-last order. It did so with libtorch 1.13 and still does with
// 2.6 and 2.15. Such a convolution is computed without a stride, on every stride-th row and
// column.
const fewChannels = 16

// every selects the indices 0, step, 2·step, … of a dimension.
func (t *Tensor) every(dim, step int) *Tensor {
	return call("aten::slice.Tensor", t, dim, nil, nil, step)
}

// BatchNorm normalizes each channel. In training it uses the statistics of the batch
// and moves runningMean and runningVar (unbiased) towards them by momentum; otherwise
// it uses the running statistics.
func (t *Tensor) BatchNorm(weight, bias, runningMean, runningVar *Tensor, training bool, momentum,
	eps float64) *Tensor {
	return call("aten::batch_norm", t, weight, bias, runningMean, runningVar, training, momentum, eps, true)
}

// Linear is t weightᵀ + bias for t [N, in], weight [out, in], bias [out] or nil.
func (t *Tensor) Linear(weight, bias *Tensor) *Tensor {
	return call("aten::linear", t, weight.casted(), bias)
}

// MaxPool2d takes the maximum over kernel x kernel windows.
func (t *Tensor) MaxPool2d(kernel, stride, padding int) *Tensor {
	return call("aten::max_pool2d", t, []int{kernel, kernel}, []int{stride, stride}, []int{padding, padding})
}

// AvgPool2d averages kernel x kernel windows. Padded zeros count only if
// countPadding is set; ceil rounds the output size up.
func (t *Tensor) AvgPool2d(kernel, stride, padding int, ceil, countPadding bool) *Tensor {
	return call("aten::avg_pool2d", t, []int{kernel, kernel}, []int{stride, stride}, []int{padding, padding}, ceil,
		countPadding)
}

// AdaptiveAvgPool2d averages to an output of h x w.
func (t *Tensor) AdaptiveAvgPool2d(h, w int) *Tensor {
	return call("aten::adaptive_avg_pool2d", t, []int{h, w})
}

// Softmax is exp(t) / Σ exp(t) along dim.
func (t *Tensor) Softmax(dim int) *Tensor { return call("aten::softmax.int", t, dim) }

// LogSoftmax is the logarithm of Softmax along dim, without overflow.
func (t *Tensor) LogSoftmax(dim int) *Tensor { return call("aten::log_softmax.int", t, dim) }

// CrossEntropy is the mean over the rows of -log softmax(t)[label], for logits
// t [N, C] and labels int64 [N].
func (t *Tensor) CrossEntropy(labels *Tensor) *Tensor {
	return call("aten::cross_entropy_loss", t, labels)
}

// Normalize divides by the L2 norm along dim, or by 1e-12 where the norm is
// smaller (torch.nn.functional.normalize).
func (t *Tensor) Normalize(dim int) *Tensor {
	return Scoped1(func() *Tensor {
		norm := t.NormDim([]int{dim}, true).ClampMin(1e-12)
		return t.Div(norm.Expand(t.Shape()...))
	})
}

// ForeachAdd_ is ts[i] += alpha us[i] for every i.
func ForeachAdd_(ts, us []*Tensor, alpha float64) {
	if len(ts) > 0 {
		invoke("aten::_foreach_add_.List", ts, us, alpha)
	}
}

// ForeachMul_ is ts[i] *= s for every i.
func ForeachMul_(ts []*Tensor, s float64) {
	if len(ts) > 0 {
		invoke("aten::_foreach_mul_.Scalar", ts, s)
	}
}

// ForeachCopy_ copies us[i] into ts[i] for every i, by one operator where libtorch has it.
func ForeachCopy_(ts, us []*Tensor) {
	if C.cl_version_number() >= 20100 {
		invoke("aten::_foreach_copy_", ts, us)
		return
	}
	for i, t := range ts {
		t.Copy_(us[i])
	}
}

// LayerNorm normalizes each vector t[..., :] of size D to mean 0 and variance 1, then
// multiplies it by weight and adds bias, both [D].
func (t *Tensor) LayerNorm(weight, bias *Tensor, eps float64) *Tensor {
	return call("aten::layer_norm", t, []int{t.Size(-1)}, weight, bias, eps, true)
}

// Gelu is t·Φ(t), where Φ is the cumulative distribution function of the standard
// normal distribution (Hendrycks & Gimpel, 2016).
func (t *Tensor) Gelu() *Tensor { return call("aten::gelu", t) }
