package torch

/*
#cgo CFLAGS: -I${SRCDIR}/internal/shim/core
#include <stdlib.h>
#include "core.h"
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// Dtype is the type of a tensor's elements, with libtorch's numbers.
type Dtype int

// The supported element types.
const (
	Uint8    Dtype = 0
	Int8     Dtype = 1
	Int16    Dtype = 2
	Int32    Dtype = 3
	Int64    Dtype = 4
	Float16  Dtype = 5
	Float32  Dtype = 6
	Float64  Dtype = 7
	Bool     Dtype = 11
	BFloat16 Dtype = 15
)

func (d Dtype) String() string {
	switch d {
	case Uint8:
		return "uint8"
	case Int8:
		return "int8"
	case Int16:
		return "int16"
	case Int32:
		return "int32"
	case Int64:
		return "int64"
	case Float16:
		return "float16"
	case Float32:
		return "float32"
	case Float64:
		return "float64"
	case Bool:
		return "bool"
	case BFloat16:
		return "bfloat16"
	}
	return fmt.Sprintf("dtype(%d)", int(d))
}

// Half reports whether the type has 16 bits and a fraction, as mixed precision uses.
func (d Dtype) Half() bool { return d == BFloat16 || d == Float16 }

// Size is the size of an element in bytes.
func (d Dtype) Size() int {
	switch d {
	case Uint8, Int8, Bool:
		return 1
	case Int16, Float16, BFloat16:
		return 2
	case Int64, Float64:
		return 8
	}
	return 4
}

// MemoryFormat is the order of a 4-D tensor's elements in memory.
type MemoryFormat int

// The memory formats of image tensors [N, C, H, W].
const (
	Contiguous   MemoryFormat = 0
	ChannelsLast MemoryFormat = 2
)

// Tensor is one reference to a libtorch tensor. The package comment says when it is
// freed. Using it after that panics with an *Error.
type Tensor struct {
	handle unsafe.Pointer
	scope  *scope
	cast   *Tensor // a copy in a lower precision, see Casts; usually nil
}

// wrap takes ownership of a handle and registers it with the current scope.
func wrap(h C.cl_tensor) *Tensor {
	t := &Tensor{handle: unsafe.Pointer(h), scope: current}
	if current != nil {
		current.tensors = append(current.tensors, t)
	}
	return t
}

func (t *Tensor) c() C.cl_tensor {
	if t == nil || t.handle == nil {
		panic(&Error{Op: "tensor", Message: "used after it was freed"})
	}
	return C.cl_tensor(t.handle)
}

// Free drops the reference. Freeing a tensor twice, or a nil tensor, does nothing.
// Memory that autograd needs stays alive until the backward pass.
func (t *Tensor) Free() {
	if t == nil || t.handle == nil {
		return
	}
	C.cl_free(C.cl_tensor(t.handle))
	t.handle = nil
}

// freeAll frees tensors by one call. Freed and nil ones are left out.
func freeAll(ts []*Tensor) {
	handles := make([]C.cl_tensor, 0, len(ts))
	for _, t := range ts {
		if !t.Freed() {
			handles = append(handles, C.cl_tensor(t.handle))
			t.handle = nil
		}
	}
	if len(handles) > 0 {
		C.cl_free_all(C.int(len(handles)), unsafe.SliceData(handles))
	}
}

// Freed reports whether the reference has been dropped.
func (t *Tensor) Freed() bool { return t == nil || t.handle == nil }

// Keep takes t out of its scope, so that it lives until Free, and returns t.
func (t *Tensor) Keep() *Tensor {
	if t.scope != nil {
		t.scope.release(t)
	}
	return t
}

// Dim is the number of dimensions.
func (t *Tensor) Dim() int { return int(C.cl_dims(t.c())) }

// Shape is the size of every dimension.
func (t *Tensor) Shape() []int {
	n := t.Dim()
	if n == 0 {
		return []int{}
	}
	sizes := make([]C.int64_t, n)
	C.cl_shape(t.c(), &sizes[0])
	shape := make([]int, n)
	for i, s := range sizes {
		shape[i] = int(s)
	}
	return shape
}

// Size is the size of one dimension; negative indices count from the end. It panics with
// an *Error if there is no such dimension.
func (t *Tensor) Size(dim int) int {
	shape := t.Shape()
	if dim < 0 {
		dim += len(shape)
	}
	if dim < 0 || dim >= len(shape) {
		panic(&Error{Op: "size", Message: fmt.Sprintf("no dimension %d in shape %v", dim, shape)})
	}
	return shape[dim]
}

// Numel is the number of elements.
func (t *Tensor) Numel() int {
	n := 1
	for _, s := range t.Shape() {
		n *= s
	}
	return n
}

// Dtype is the type of the elements.
func (t *Tensor) Dtype() Dtype { return Dtype(C.cl_dtype(t.c())) }

// Device is the device that holds the elements.
func (t *Tensor) Device() Device { return Device{int(C.cl_device(t.c())) + 1} }

// SharesMemory reports whether both tensors have the same storage.
func (t *Tensor) SharesMemory(u *Tensor) bool {
	return C.cl_storage_id(t.c()) == C.cl_storage_id(u.c())
}

func (t *Tensor) String() string {
	if t.Freed() {
		return "tensor(freed)"
	}
	return fmt.Sprintf("%s%v", t.Dtype(), t.Shape())
}

// LiveTensors is the number of references that have not been freed.
func LiveTensors() int { return int(C.cl_live()) }
