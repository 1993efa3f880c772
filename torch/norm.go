package torch

/*
#cgo CFLAGS: -I${SRCDIR}/internal/shim/norm
#include "norm.h"
*/
import "C"

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

// FusesNorm reports whether FusedNorm accepts t. It must be float32 or bfloat16 on the
// CPU, either [N, C, H, W] in channels-last order or [N, C].
func (t *Tensor) FusesNorm() bool { return C.cl_norm_takes(t.c()) != 0 }

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
