package torch

/*
#include "core.h"
*/
import "C"

// Updates of many parameters by one operator each, where the host need not know whether
// the gradients are finite. libtorch has them for the CPU as well since 2.4.

// Unscale_ multiplies the tensors by inverse, float32 [], and sets found, float32 [], to 1
// if one of them has a value that is NaN or infinite. Otherwise found stays as it is.
func Unscale_(ts []*Tensor, found, inverse *Tensor) {
	invoke("aten::_amp_foreach_non_finite_check_and_unscale_", ts, found, inverse)
}

// UpdateScale_ moves the scale of a loss, float32 [1], after a step: scale ← backoff·scale if
// found, float32 [], is 1, and scale ← growth·scale after interval steps without, which
// tracker, int32 [1], counts.
func UpdateScale_(scale, tracker, found *Tensor, growth, backoff float64, interval int) {
	for _, r := range invoke("aten::_amp_update_scale_", scale, tracker, found, growth, backoff, interval) {
		if r.t != nil {
			C.cl_free(r.t)
		}
	}
}

// SGDStep are the numbers of an update: lr, μ and wd. If Found, float32 [], is not nil and
// 1, the update changes nothing.
type SGDStep struct {
	Rate, Momentum, WeightDecay float64
	Found                       *Tensor
}

// FusedSGD_ updates parameters θ and buffers v with the gradients ∇ in one pass:
//
//	g ← ∇ + wd θ    v ← μ v + g    θ ← θ - lr v
//
// Without momentum, v stays as it is, and g takes its place.
func FusedSGD_(parameters, gradients, buffers []*Tensor, s SGDStep) {
	if s.Momentum == 0 {
		buffers = nil
	}
	const dampening, nesterov, maximize, first = 0.0, false, false, false
	invoke("aten::_fused_sgd_", parameters, gradients, buffers, s.WeightDecay, s.Momentum, s.Rate, dampening, nesterov,
		maximize, first, nil, s.Found)
}

// FusedLerp_ moves each tensor towards another: t ← t + w (u - t). If found, float32 [], is
// not nil and 1, it changes nothing. It is the pass of FusedSGD_ with g = u - t.
func FusedLerp_(ts, us []*Tensor, w float64, found *Tensor) {
	FusedSGD_(ts, us, nil, SGDStep{Rate: -w, WeightDecay: -1, Found: found})
}

// FusesUpdates reports whether these operators work on tensors of the CPU.
func FusesUpdates() bool { return C.cl_version_number() >= 20400 }
