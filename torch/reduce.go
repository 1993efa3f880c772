package torch

import "math"

// Reductions, sorting and matrix products. dims are the reduced dimensions; negative
// ones count from the end. keep leaves them in the shape with size 1.

// Sum is the sum of all elements.
func (t *Tensor) Sum() *Tensor { return call("aten::sum", t) }

// SumDim sums over dims.
func (t *Tensor) SumDim(dims []int, keep bool) *Tensor {
	return call("aten::sum.dim_IntList", t, dims, keep)
}

// Mean is the mean of all elements.
func (t *Tensor) Mean() *Tensor { return call("aten::mean", t) }

// MeanDim averages over dims.
func (t *Tensor) MeanDim(dims []int, keep bool) *Tensor { return call("aten::mean.dim", t, dims, keep) }

// VarDim is the variance over dims; unbiased divides by n-1 instead of n.
func (t *Tensor) VarDim(dims []int, unbiased, keep bool) *Tensor {
	return call("aten::var.dim", t, dims, unbiased, keep)
}

// VarMean is the variance and the mean over dims.
func (t *Tensor) VarMean(dims []int, unbiased, keep bool) (variance, mean *Tensor) {
	return call2("aten::var_mean.dim", t, dims, unbiased, keep)
}

// Max is the largest element.
func (t *Tensor) Max() *Tensor { return call("aten::max", t) }

// Min is the smallest element.
func (t *Tensor) Min() *Tensor { return call("aten::min", t) }

// Amax is the largest element over dims.
func (t *Tensor) Amax(dims []int, keep bool) *Tensor { return call("aten::amax", t, dims, keep) }

// MaxDim is the largest element over one dimension and its index.
func (t *Tensor) MaxDim(dim int, keep bool) (values, indices *Tensor) {
	return call2("aten::max.dim", t, dim, keep)
}

// Argmax is the index of the largest element over one dimension.
func (t *Tensor) Argmax(dim int, keep bool) *Tensor { return call("aten::argmax", t, dim, keep) }

// Norm is the L2 norm of all elements.
func (t *Tensor) Norm() *Tensor { return call("aten::norm.Scalar", t, 2.0) }

// NormDim is the L2 norm over dims.
func (t *Tensor) NormDim(dims []int, keep bool) *Tensor {
	return call("aten::norm.ScalarOpt_dim", t, 2.0, dims, keep)
}

// LogSumExp is log Σ exp over dims, without overflow.
func (t *Tensor) LogSumExp(dims []int, keep bool) *Tensor {
	return call("aten::logsumexp", t, dims, keep)
}

// All is one element: true (1) if every element of t is nonzero.
func (t *Tensor) All() *Tensor { return call("aten::all", t) }

// Any is one element: true (1) if some element of t is nonzero.
func (t *Tensor) Any() *Tensor { return call("aten::any", t) }

// CumSum is the running sum along one dimension.
func (t *Tensor) CumSum(dim int) *Tensor { return call("aten::cumsum", t, dim) }

// TopK returns the k largest elements along one dimension, largest first, and their
// indices.
func (t *Tensor) TopK(k, dim int) (values, indices *Tensor) {
	return call2("aten::topk", t, k, dim, true, true)
}

// Sort sorts along one dimension and also returns the indices.
func (t *Tensor) Sort(dim int, descending bool) (values, indices *Tensor) {
	return call2("aten::sort", t, dim, descending)
}

// Argsort returns the indices that sort t along one dimension.
func (t *Tensor) Argsort(dim int, descending bool) *Tensor {
	return call("aten::argsort", t, dim, descending)
}

// Bincount counts how often each integer 0, 1, … occurs in a 1-D tensor of integers. The
// result is int64 with at least n elements.
func (t *Tensor) Bincount(n int) *Tensor { return call("aten::bincount", t, nil, n) }

// Matmul is the matrix product, batched over leading dimensions.
func (t *Tensor) Matmul(u *Tensor) *Tensor { return call("aten::matmul", t, u) }

// Mm is the matrix product of t [n, d] and u [d, m].
func (t *Tensor) Mm(u *Tensor) *Tensor { return call("aten::mm", t, u) }

// Bmm is the matrix product of t [b, n, d] and u [b, d, m] for each of b pairs.
func (t *Tensor) Bmm(u *Tensor) *Tensor { return call("aten::bmm", t, u) }

// Addmm is beta t + alpha a b, where a b is a matrix product.
func (t *Tensor) Addmm(a, b *Tensor, beta, alpha float64) *Tensor {
	return call("aten::addmm", t, a, b, beta, alpha)
}

// Addmm_ replaces t by beta t + alpha a b.
func (t *Tensor) Addmm_(a, b *Tensor, beta, alpha float64) *Tensor {
	return t.inplace("aten::addmm_", a, b, beta, alpha)
}

// AllFinite reports whether the tensors have no NaN and no infinite value. It checks
// their sums, because a sum over such a value is not finite either; this takes one pass
// over each tensor and waits for the device once. Values so large that their float32
// sum overflows count as infinite.
func AllFinite(ts []*Tensor) bool {
	if len(ts) == 0 {
		return true
	}
	var sum float64
	NoGrad(func() {
		Scoped(func() {
			sums := make([]*Tensor, len(ts))
			for i, t := range ts {
				sums[i] = t.Sum()
			}
			sum = Stack(sums, 0).Sum().Item()
		})
	})
	return !math.IsNaN(sum) && !math.IsInf(sum, 0)
}
