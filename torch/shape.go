package torch

// Shapes, selection, types. View, Transpose, Narrow, Select, Expand, Detach and
// their like share memory with t.

// View is t in another shape without copying; one size may be -1.
func (t *Tensor) View(shape ...int) *Tensor { return call("aten::view", t, shape) }

// Reshape is t in another shape, copied only when it must be.
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

// Select is one index of a dimension, which disappears.
func (t *Tensor) Select(dim, index int) *Tensor { return call("aten::select.int", t, dim, index) }

// Chunk cuts one dimension into n parts, at most 8.
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

// IndexSelectInto is IndexSelect that writes into out, which must have the
// result's shape.
func (t *Tensor) IndexSelectInto(out *Tensor, dim int, indices *Tensor) *Tensor {
	for _, r := range invoke("aten::index_select.out", t, dim, indices, out) {
		wrap(r.t).Free()
	}
	return out
}

// IndexCopy_ overwrites rows of t, named by indices along dim, with source.
func (t *Tensor) IndexCopy_(dim int, indices, source *Tensor) *Tensor {
	return t.inplace("aten::index_copy_", dim, indices, source)
}

// Gather picks elements along dim by an index tensor of the result's shape.
func (t *Tensor) Gather(dim int, indices *Tensor) *Tensor {
	return call("aten::gather", t, dim, indices)
}

// ScatterAdd_ adds source's elements at indices along dim.
func (t *Tensor) ScatterAdd_(dim int, indices, source *Tensor) *Tensor {
	return t.inplace("aten::scatter_add_", dim, indices, source)
}

// Contiguous is t in C order, or for 4-D tensors in another memory format.
func (t *Tensor) Contiguous(format ...MemoryFormat) *Tensor {
	if len(format) > 0 {
		return call("aten::contiguous", t, format[0])
	}
	return call("aten::contiguous", t)
}

// Clone copies t.
func (t *Tensor) Clone() *Tensor { return call("aten::clone", t) }

// Detach is t without its history.
func (t *Tensor) Detach() *Tensor { return call("aten::detach", t) }

// To converts the element type; without a change it is t again.
func (t *Tensor) To(dtype Dtype) *Tensor { return call("aten::to.dtype", t, dtype) }

// ToDevice moves t to a device; without a change it is t again.
func (t *Tensor) ToDevice(device Device) *Tensor {
	return call("aten::to.device", t, device, t.Dtype())
}
