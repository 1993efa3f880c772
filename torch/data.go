package torch

/*
#include "core.h"
*/
import "C"

import (
	"fmt"
	"unsafe"
)

func fromData(data unsafe.Pointer, n int, dtype Dtype, device Device, shape []int) *Tensor {
	want := 1
	sizes := make([]C.int64_t, len(shape), len(shape)+1)
	for i, s := range shape {
		want *= s
		sizes[i] = C.int64_t(s)
	}
	if want != n {
		panic(&Error{Op: "from data", Message: fmt.Sprintf("shape %v wants %d values, got %d", shape, want, n)})
	}
	r := C.cl_from_data(data, unsafe.SliceData(sizes), C.int(len(shape)), C.int(dtype), C.int(device.index()))
	check("from data", r.err)
	return wrap(r.t)
}

// FromFloat32 copies values, in C order, into a float32 tensor on the CPU. It and its
// siblings panic with an *Error unless the shape has as many elements as values.
func FromFloat32(values []float32, shape ...int) *Tensor {
	return fromData(unsafe.Pointer(unsafe.SliceData(values)), len(values), Float32, CPU, shape)
}

// FromFloat64 copies values into a float64 tensor on the CPU.
func FromFloat64(values []float64, shape ...int) *Tensor {
	return fromData(unsafe.Pointer(unsafe.SliceData(values)), len(values), Float64, CPU, shape)
}

// FromInt64 copies values into an int64 tensor on the CPU.
func FromInt64(values []int64, shape ...int) *Tensor {
	return fromData(unsafe.Pointer(unsafe.SliceData(values)), len(values), Int64, CPU, shape)
}

// FromUint8 copies values into a uint8 tensor on the CPU.
func FromUint8(values []uint8, shape ...int) *Tensor {
	return fromData(unsafe.Pointer(unsafe.SliceData(values)), len(values), Uint8, CPU, shape)
}

// dtypes are the element types by the names that String gives them.
var dtypes = map[string]Dtype{}

func init() {
	for _, d := range []Dtype{Uint8, Int8, Int16, Int32, Int64, Float16, Float32, Float64, Bool, BFloat16} {
		dtypes[d.String()] = d
	}
}

// FromBytes makes a tensor on the CPU from the bytes of its elements, little endian and
// in C order. dtype is the name of the element type, as Dtype.String returns it. It
// panics with an *Error for an unknown type or another number of bytes.
func FromBytes(data []byte, dtype string, shape ...int) *Tensor {
	d, ok := dtypes[dtype]
	n := 1
	for _, s := range shape {
		n *= s
	}
	if !ok || n*d.Size() != len(data) {
		panic(&Error{Op: "from bytes", Message: fmt.Sprintf("%s %v does not have %d bytes", dtype, shape, len(data))})
	}
	return fromData(unsafe.Pointer(unsafe.SliceData(data)), n, d, CPU, shape)
}

// Bytes copies the elements out without conversion, little endian and in C order.
func (t *Tensor) Bytes() []byte {
	out := make([]byte, t.Numel()*t.Dtype().Size())
	t.CopyBytes(out)
	return out
}

// CopyBytes copies the elements into dst as Bytes does. It panics with an *Error unless
// dst has exactly as many bytes as t.
func (t *Tensor) CopyBytes(dst []byte) {
	if n := t.Numel() * t.Dtype().Size(); n != len(dst) {
		panic(&Error{Op: "copy bytes", Message: fmt.Sprintf("tensor %v has %d bytes, the slice %d", t.Shape(), n, len(dst))})
	}
	t.copyOut(unsafe.Pointer(unsafe.SliceData(dst)), t.Dtype())
}

func (t *Tensor) copyOut(data unsafe.Pointer, dtype Dtype) {
	check("to data", C.cl_to_data(t.c(), data, C.int(dtype)))
}

// Float32s copies the elements out, in C order, converted to float32.
func (t *Tensor) Float32s() []float32 {
	out := make([]float32, t.Numel())
	t.copyOut(unsafe.Pointer(unsafe.SliceData(out)), Float32)
	return out
}

// CopyTo copies the elements into dst, in C order, converted to float32. It
// panics with an *Error unless dst has exactly as many elements as t.
func (t *Tensor) CopyTo(dst []float32) {
	if n := t.Numel(); n != len(dst) {
		panic(&Error{Op: "copy to", Message: fmt.Sprintf("tensor %v has %d values, the slice %d", t.Shape(), n, len(dst))})
	}
	t.copyOut(unsafe.Pointer(unsafe.SliceData(dst)), Float32)
}

// Float64s copies the elements out, in C order, converted to float64.
func (t *Tensor) Float64s() []float64 {
	out := make([]float64, t.Numel())
	t.copyOut(unsafe.Pointer(unsafe.SliceData(out)), Float64)
	return out
}

// Int64s copies the elements out, in C order, converted to int64.
func (t *Tensor) Int64s() []int64 {
	out := make([]int64, t.Numel())
	t.copyOut(unsafe.Pointer(unsafe.SliceData(out)), Int64)
	return out
}

// Uint8s copies the elements out, in C order, converted to uint8.
func (t *Tensor) Uint8s() []uint8 {
	out := make([]uint8, t.Numel())
	t.copyOut(unsafe.Pointer(unsafe.SliceData(out)), Uint8)
	return out
}

// Item is the value of a tensor with one element. It panics with an *Error for any
// other number of elements.
func (t *Tensor) Item() float64 {
	if n := t.Numel(); n != 1 {
		panic(&Error{Op: "item", Message: fmt.Sprintf("want one element, got shape %v", t.Shape())})
	}
	var v float64
	t.copyOut(unsafe.Pointer(&v), Float64)
	return v
}
