package torch

/*
#cgo CFLAGS: -I${SRCDIR}/internal/shim/norm -I${SRCDIR}/internal/shim/launch
#include "norm.h"
*/
import "C"

import (
	"fmt"

	"contralens/torch/internal/shim"
)

// Norm has the parameters and the running statistics of a batch norm.
type Norm struct {
	Weight, Bias   *Tensor // float32 [C]
	Mean, Variance *Tensor // running statistics, float32 [C]; nil in training leaves them out
	Train          bool    // use the statistics of the batch, and update the running ones
	// Groups is the number of groups that a training batch is split into. Each group is
	// normalized by its own statistics; the running ones are updated by the mean over the
	// groups. 0 means 1.
	Groups        int
	Momentum, Eps float64
}

// FusesNorm reports whether FusedNorm accepts t. It must be [N, C, H, W] in channels-last
// order or [N, C], float32 or bfloat16, on a GPU also float16. A GPU's kernels are compiled
// when they are first asked for; where that fails, the answer is false, and
// KernelsMissing says why.
func (t *Tensor) FusesNorm() bool {
	switch C.cl_norm_takes(t.c()) {
	case C.CL_NORM_YES:
		return true
	case C.CL_NORM_WANTS_KERNELS:
		return loadNorm(t)
	}
	return false
}

// loadNorm makes the kernels for tensors like t ready, unless that has failed before.
func loadNorm(t *Tensor) bool {
	vector := int(C.cl_norm_vector(t.c()))
	options := normDefines(elements[t.Dtype()], vector)
	kernels, ok := kernelsOf(t.Device(), shim.NormText(), shim.NormKernels[:], options...)
	if ok {
		C.cl_norm_kernels(C.int(t.Device().index()), C.int(t.Dtype()), C.int(vector), &kernels[0])
	}
	return ok
}

const normKernels = C.CL_NORM_KERNELS

// elements are the values of ELEMENT in element.cuh.
var elements = map[Dtype]int{Float32: 0, BFloat16: 1, Float16: 2}

func normDefines(element, vector int) []string {
	return []string{fmt.Sprintf("-DELEMENT=%d", element), fmt.Sprintf("-DVECTOR=%d", vector)}
}

// FusedNorm computes t.BatchNorm, adds residual (of t's shape and type) unless it is nil,
// and applies Relu if relu is set, in fewer passes over memory than the separate
// operators. If nothing is recorded for autograd, the result overwrites t, so t must not
// be used elsewhere. It has no second derivative.
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
