// Package dist connects the processes of one training by libtorch's c10d: a [Store] in which
// they meet, a [Group] whose collectives move and sum tensors, and a [Reducer] that averages
// gradients while the backward pass computes them.
//
// Each process has a rank, from 0 to size-1. All ranks must call the same collectives in the
// same order with tensors of the same shapes; a collective returns when this rank's part of
// it is done. Collectives run on the goroutine that computes (torch.Run). They panic with a
// *torch.Error, as operators do, if another rank is gone or silent for longer than the
// timeout of the group; [Failed] recognizes these errors. A group that failed once is of no
// more use. Stores may be used from any goroutine, and return errors.
//
// Collectives have no gradients. They see through torch.NoGrad and torch.Inference: their
// tensors may come from inside either.
//
// Gloo, on the CPU, comes with every libtorch. NCCL, for tensors on GPUs, is there if the C++ was
// compiled beside the headers of NCCL; it has not been tried on several GPUs yet.
package dist

/*
#cgo CFLAGS: -I${SRCDIR}/../internal/shim/core -I${SRCDIR}/../internal/shim/dist
#include <stdlib.h>
#include "dist.h"
*/
import "C"

import (
	"errors"
	"strings"
	"unsafe"

	"contralens/torch"
	"contralens/torch/internal/bridge"
)

// prefix begins Op in the errors of collectives.
const prefix = "dist."

// Failed reports whether an error comes from a collective: because another rank ended, fell
// silent, or called another one.
func Failed(err error) bool {
	var e *torch.Error
	return errors.As(err, &e) && strings.HasPrefix(e.Op, prefix)
}

// failure makes an error of a message of the C interface, and frees that. It is nil for nil.
func failure(op string, text *C.char) *torch.Error {
	if text == nil {
		return nil
	}
	defer C.free(unsafe.Pointer(text))
	said, full := strings.CutPrefix(C.GoString(text), C.CL_OUT_OF_MEMORY)
	said, _, _ = strings.Cut(said, "\nException raised from")
	return &torch.Error{Op: prefix + op, Message: strings.TrimSpace(said), OutOfMemory: full}
}

// check panics with the error of a collective.
func check(op string, text *C.char) {
	if err := failure(op, text); err != nil {
		panic(err)
	}
}

func handle(t *torch.Tensor) C.cl_tensor { return C.cl_tensor(bridge.Handle(t)) }

func handles(ts []*torch.Tensor) []C.cl_tensor {
	out := make([]C.cl_tensor, len(ts))
	for i, t := range ts {
		out[i] = handle(t)
	}
	return out
}

// texts copies strings to C, until free is called.
func texts(list []string) (array **C.char, free func()) {
	out := make([]*C.char, len(list))
	for i, s := range list {
		out[i] = C.CString(s)
	}
	return unsafe.SliceData(out), func() {
		for _, s := range out {
			C.free(unsafe.Pointer(s))
		}
	}
}

func integers(list []int) []C.int64_t {
	out := make([]C.int64_t, len(list))
	for i, n := range list {
		out[i] = C.int64_t(n)
	}
	return out
}
