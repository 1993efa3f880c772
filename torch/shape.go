package torch

// Shapes, selection, types. View, Transpose, Permute, Squeeze, Narrow, Select, Expand,
// Chunk and Detach share memory with t.

// View is t in another shape without copying; one size may be -1.
func (t *Tensor) View(shape ...int) *Tensor { return call("aten::view", t, shape) }

// Bits returns the bits of t's elements as integers of the same size: int32 of float32. It
// shares t's memory.
func (t *Tensor) Bits() *Tensor {
	return call("aten::view.dtype", t, map[int]Dtype{1: Uint8, 2: Int16, 4: Int32, 8: Int64}[t.Dtype().Size()])
}

// Reshape is t in another shape, copied only if necessary.
func (t *Tensor) Reshape(shape ...int) *Tensor { return call("aten::reshape", t, shape) }

// Flatten joins the dimensions from first to last into one.
func (t *Tensor) Flatten(first, last int) *Tensor {
	return call("aten::flatten.using_ints", t, first, last)
}

// Transpose exchanges two dimensions.
func (t *Tensor) Transpose(a, b int) *Tensor { return call("aten::transpose.int", t, a, b) }

// T is the transpose of a matrix.
func (t *Tensor) T() *Tensor { return call("aten::t", t) }

// Permute reorders the dimensions.
func (t *Tensor) Permute(dims ...int) *Tensor { return call("aten::permute", t, dims) }

// Squeeze drops a dimension of size 1.
func (t *Tensor) Squeeze(dim int) *Tensor { return call("aten::squeeze.dim", t, dim) }

// Unsqueeze inserts a dimension of size 1.
func (t *Tensor) Unsqueeze(dim int) *Tensor { return call("aten::unsqueeze", t, dim) }

// Expand repeats dimensions of size 1 without copying.
func (t *Tensor) Expand(shape ...int) *Tensor { return call("aten::expand", t, shape) }

// Narrow is the slice [start, start+length) of one dimension.
func (t *Tensor) Narrow(dim, start, length int) *Tensor {
	return call("aten::narrow", t, dim, start, length)
}

// Select picks one index of a dimension and drops that dimension.
func (t *Tensor) Select(dim, index int) *Tensor { return call("aten::select.int", t, dim, index) }

// Chunk splits one dimension into n ≤ 8 parts of equal size; the last may be smaller.
func (t *Tensor) Chunk(n, dim int) []*Tensor {
	var parts []*Tensor
	for _, r := range invoke("aten::chunk", t, n, dim) {
		parts = append(parts, wrap(r.t))
	}
	return parts
}

// Cat joins tensors along an existing dimension.
func Cat(tensors []*Tensor, dim int) *Tensor { return call("aten::cat", tensors, dim) }

// Stack joins tensors along a new dimension.
func Stack(tensors []*Tensor, dim int) *Tensor { return call("aten::stack", tensors, dim) }

// IndexSelect picks indices (int64 [n]) of one dimension.
func (t *Tensor) IndexSelect(dim int, indices *Tensor) *Tensor {
	return call("aten::index_select", t, dim, indices)
}

// IndexSelectInto is IndexSelect that writes its result into out and returns out, which
// must have the right shape.
func (t *Tensor) IndexSelectInto(out *Tensor, dim int, indices *Tensor) *Tensor {
	for _, r := range invoke("aten::index_select.out", t, dim, indices, out) {
		wrap(r.t).Free()
	}
	return out
}

// IndexCopy_ overwrites the given indices (int64 [n]) of one dimension with source.
func (t *Tensor) IndexCopy_(dim int, indices, source *Tensor) *Tensor {
	return t.inplace("aten::index_copy_", dim, indices, source)
}

// Gather picks elements along dim. indices is int64 in the shape of the result.
func (t *Tensor) Gather(dim int, indices *Tensor) *Tensor {
	return call("aten::gather", t, dim, indices)
}

// Scatter_ sets t[i][indices[i][j]] = source[i][j] along a dimension of, for example, a
// matrix and dim 1. If an index occurs twice in a row, either element remains.
func (t *Tensor) Scatter_(dim int, indices, source *Tensor) *Tensor {
	return t.inplace("aten::scatter_.src", dim, indices, source)
}

// ScatterAdd_ adds the elements of source to those of t at indices along dim.
func (t *Tensor) ScatterAdd_(dim int, indices, source *Tensor) *Tensor {
	return t.inplace("aten::scatter_add_", dim, indices, source)
}

// Contiguous is t in C order, or in the given memory format if t has 4 dimensions. It
// copies only if necessary.
func (t *Tensor) Contiguous(format ...MemoryFormat) *Tensor {
	if len(format) > 0 {
		return call("aten::contiguous", t, format[0])
	}
	return call("aten::contiguous", t)
}

// Diagonal is the diagonal of the matrices in dimensions a and b, as the last dimension
// of a view.
func (t *Tensor) Diagonal(a, b int) *Tensor { return call("aten::diagonal", t, 0, a, b) }

// Clone copies t.
func (t *Tensor) Clone() *Tensor { return call("aten::clone", t) }

// Detach is t without its autograd history.
func (t *Tensor) Detach() *Tensor { return call("aten::detach", t) }

// To converts the element type. If it already fits, the result shares memory with t.
func (t *Tensor) To(dtype Dtype) *Tensor { return call("aten::to.dtype", t, dtype) }

// ToDevice copies t to a device. If it is already there, the result shares memory with t.
// The host does not wait for the copy of a small tensor from the CPU to a GPU.
func (t *Tensor) ToDevice(device Device) *Tensor {
	if !device.IsCPU() && t.Device().IsCPU() && !t.RequiresGrad() && t.Numel()*t.Dtype().Size() <= stagedBytes {
		return t.staged(device)
	}
	return call("aten::to.device", t, device, t.Dtype())
}
