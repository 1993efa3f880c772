package torch

/*
#cgo CFLAGS: -I${SRCDIR}/internal/shim/norm
#include "norm.h"
*/
import "C"

import _ "contralens/torch/internal/shim/norm" // the C++ that norm.h declares

// Norm has the parameters and the running statistics of a batch norm.
type Norm struct {
	Weight, Bias   *Tensor // float32 [C]
	Mean, Variance *Tensor // the running ones, float32 [C]; in training nil if they are not to move
	Train          bool    // with the batch's statistics, which move the running ones
	// Groups of the batch, in training, have statistics of their own; the running ones move
	// by their mean. 0: 1.
	Groups        int
	Momentum, Eps float64
}

// FusesNorm reports whether FusedNorm takes t: on the CPU, float32 or bfloat16,
// [N, C, H, W] in channels-last order or [N, C].
func (t *Tensor) FusesNorm() bool { return C.cl_norm_takes(t.c()) != 0 }

// FusedNorm is t.BatchNorm, plus residual (of t's shape and type) unless it is nil, then
// Relu if relu is set, in fewer passes over memory. If nothing is recorded for autograd,
// the result overwrites t, so t must not be used elsewhere. It has no second derivative.
func (t *Tensor) FusedNorm(n Norm, residual *Tensor, relu bool) *Tensor {
	optional := func(t *Tensor) C.cl_tensor {
		if t == nil {
			return nil
		}
		return t.c()
	}
	r := C.cl_norm(t.c(), n.Weight.c(), n.Bias.c(), optional(n.Mean), optional(n.Variance), optional(residual),
		cbool(n.Train), C.int(max(1, n.Groups)), C.double(n.Momentum), C.double(n.Eps), cbool(relu))
	check("norm", r.err)
	return wrap(r.t)
}
