package torch

/*
#include "core.h"
*/
import "C"

import (
	"fmt"
	"runtime"
	"slices"
	"unsafe"
)

// RequiresGrad reports whether operations on t are recorded.
func (t *Tensor) RequiresGrad() bool { return C.cl_requires_grad(t.c()) != 0 }

// SetRequiresGrad turns recording on or off for a leaf and returns t.
func (t *Tensor) SetRequiresGrad(on bool) *Tensor {
	check("requires_grad", C.cl_set_requires_grad(t.c(), cbool(on)))
	return t
}

// Backward adds the derivative of t, which must have one element, to the gradient
// of every leaf that t was computed from, and releases the graph.
func (t *Tensor) Backward() { check("backward", C.cl_backward(t.c(), nil, 0)) }

// BackwardFrom is Backward for a t of any shape. gradient is the derivative of the
// loss with respect to t, in t's shape.
func (t *Tensor) BackwardFrom(gradient *Tensor) {
	check("backward", C.cl_backward(t.c(), gradient.c(), 0))
}

// Grad is the gradient that backward passes have accumulated for t, or nil.
func (t *Tensor) Grad() *Tensor {
	r := C.cl_grad(t.c())
	check("grad", r.err)
	if r.t == nil {
		return nil
	}
	return wrap(r.t)
}

// ClearGrad drops the gradient.
func (t *Tensor) ClearGrad() { check("grad", C.cl_set_grad(t.c(), nil)) }

// Grads returns the gradient of each tensor, nil where there is none, by one call.
func Grads(ts []*Tensor) []*Tensor { return grads(ts, false) }

// TakeGrads returns the gradients as Grads does, and drops them from their tensors.
func TakeGrads(ts []*Tensor) []*Tensor { return grads(ts, true) }

func grads(ts []*Tensor, drop bool) []*Tensor {
	of, found := make([]C.cl_tensor, len(ts)), make([]C.cl_tensor, len(ts))
	for i, t := range ts {
		of[i] = t.c()
	}
	check("grad", C.cl_grads(C.int(len(ts)), unsafe.SliceData(of), unsafe.SliceData(found), cbool(drop)))
	out := make([]*Tensor, len(ts))
	for i, g := range found {
		if g != nil {
			out[i] = wrap(g)
		}
	}
	return out
}

// CustomGrad returns value, which has one element, as a function of inputs with
// gradients computed by hand: gradients[i] = ∂value/∂inputs[i], in the shape of
// inputs[i]. A backward pass multiplies them by the incoming gradient. The gradients are
// freed with the graph and must not be changed before then. There is no second
// derivative. It panics with an *Error if shapes or counts differ.
func CustomGrad(value *Tensor, inputs, gradients []*Tensor) *Tensor {
	if value.Numel() != 1 || len(inputs) == 0 || len(inputs) != len(gradients) {
		panic(&Error{Op: "custom_grad", Message: fmt.Sprintf(
			"want a value of one element and a gradient for each input, got shape %v, %d inputs and %d gradients",
			value.Shape(), len(inputs), len(gradients))})
	}
	from, ready := make([]C.cl_tensor, len(inputs)), make([]C.cl_tensor, len(inputs))
	for i, x := range inputs {
		if !slices.Equal(x.Shape(), gradients[i].Shape()) {
			panic(&Error{Op: "custom_grad", Message: fmt.Sprintf(
				"want a gradient of the shape of input %d, %v, got %v", i, x.Shape(), gradients[i].Shape())})
		}
		from[i], ready[i] = x.c(), gradients[i].c()
	}
	r := C.cl_custom_grad(value.c(), C.int(len(from)), unsafe.SliceData(from), unsafe.SliceData(ready))
	check("custom_grad", r.err)
	return wrap(r.t)
}

// NoGrad runs f without recording for autograd.
func NoGrad(f func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := C.cl_grad_enabled()
	C.cl_set_grad_enabled(0)
	defer C.cl_set_grad_enabled(before)
	f()
}

// Inference runs f in inference mode: nothing is recorded, and autograd can't use
// the results later either, which saves bookkeeping.
func Inference(f func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	guard := C.cl_inference_begin()
	defer C.cl_inference_end(guard)
	f()
}

// GradEnabled reports whether operations are recorded on this thread.
func GradEnabled() bool { return C.cl_grad_enabled() != 0 }

// Autocast runs f with matrix products, convolutions and batch norm in dtype.
// Weights keep their type; their converted copies are cached and dropped at the end.
// f must not change weights, because a stale copy would still be used. A dtype that is not
// Half changes nothing.
func Autocast(device Device, dtype Dtype, f func()) {
	if !dtype.Half() {
		f()
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	C.cl_autocast_begin(C.int(device.index()), C.int(dtype))
	defer C.cl_autocast_end(C.int(device.index()))
	f()
}

func cbool(b bool) C.int {
	if b {
		return 1
	}
	return 0
}
