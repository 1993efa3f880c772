package torch

/*
#include "core.h"
*/
import "C"

import "unsafe"

// Generator is one of libtorch's random number generators: Mersenne Twister on the
// CPU, Philox on a GPU. Free it when done.
type Generator struct {
	handle unsafe.Pointer
	device Device
}

// NewGenerator makes a generator for a device.
func NewGenerator(seed uint64, device Device) *Generator {
	var err *C.char
	h := C.cl_generator_new(C.uint64_t(seed), C.int(device.index()), &err)
	check("generator", err)
	return &Generator{handle: h, device: device}
}

// Free releases the generator.
func (g *Generator) Free() {
	if g.handle != nil {
		C.cl_generator_free(g.handle)
		g.handle = nil
	}
}

// State is the generator's state, for SetState.
func (g *Generator) State() []byte {
	r := C.cl_generator_state(g.handle)
	check("generator state", r.err)
	t := wrap(r.t)
	defer t.Free()
	return t.Uint8s()
}

// SetState returns the generator to the state that State recorded.
func (g *Generator) SetState(state []byte) {
	t := FromUint8(state, len(state))
	defer t.Free()
	check("generator state", C.cl_generator_set_state(g.handle, t.c()))
}

// Normal_ fills t with samples of the normal distribution.
func (t *Tensor) Normal_(mean, std float64, g *Generator) *Tensor {
	check("normal_", C.cl_normal_(t.c(), C.double(mean), C.double(std), g.handle))
	return t
}

// Uniform_ fills t with samples of the uniform distribution over [low, high).
func (t *Tensor) Uniform_(low, high float64, g *Generator) *Tensor {
	check("uniform_", C.cl_uniform_(t.c(), C.double(low), C.double(high), g.handle))
	return t
}

// RandomPermutation draws an order of 0, 1, … n-1: int64 [n] on g's device.
func RandomPermutation(n int, g *Generator) *Tensor {
	return call("aten::randperm.generator", n, g, Int64, nil, g.device, nil)
}

// StandardGamma draws from the gamma distribution with scale 1 whose shape parameters
// are t's elements. t is on g's device.
func (t *Tensor) StandardGamma(g *Generator) *Tensor {
	return call("aten::_standard_gamma", t, g)
}
