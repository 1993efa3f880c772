package torch

/*
#cgo CFLAGS: -I${SRCDIR}/internal/shim/launch
#include <stdlib.h>
#include "launch.h"
*/
import "C"

import (
	"errors"
	"os"
	"strings"
	"sync"
	"unsafe"

	"contralens/torch/internal/nvrtc"
)

// KernelsVariable is the environment variable that turns kernels of our own off, if it is
// "off": to compare, or should one ever fail.
const KernelsVariable = "CONTRALENS_KERNELS"

// missing is why kernels of our own are not used on a GPU. A failure is final, so that it
// costs no second attempt.
var missing struct {
	sync.Mutex
	reason string
}

// KernelsMissing returns why this process computes without the kernels that it compiles
// for a GPU, or "" as long as nothing went wrong. Without them results are the same to
// rounding, and batch norm, the addition of a shortcut and ReLU are operators of their own.
func KernelsMissing() string {
	missing.Lock()
	defer missing.Unlock()
	return missing.reason
}

// kernelsOf returns the kernels with these names of a text of CUDA C++, compiled for the
// GPU d and loaded onto it. It returns false where they cannot be had.
func kernelsOf(d Device, text string, names []string, options ...string) (kernels []C.cl_kernel, ok bool) {
	missing.Lock()
	defer missing.Unlock()
	if missing.reason == "" && os.Getenv(KernelsVariable) == "off" {
		missing.reason = KernelsVariable + " is off"
	}
	if missing.reason != "" {
		return nil, false
	}
	kernels, err := compileFor(d, text, names, options)
	if err != nil {
		missing.reason = err.Error()
	}
	return kernels, err == nil
}

func compileFor(d Device, text string, names, options []string) ([]C.cl_kernel, error) {
	var capability C.int
	if err := shimError(C.cl_gpu_capability(C.int(d.index()), &capability)); err != nil {
		return nil, err
	}
	image, err := nvrtc.Compile(text, int(capability), options...)
	if err != nil {
		return nil, err
	}
	list := make([]*C.char, len(names))
	for i, name := range names {
		list[i] = C.CString(name)
		defer C.free(unsafe.Pointer(list[i]))
	}
	kernels := make([]C.cl_kernel, len(names))
	data := C.CBytes(image)
	defer C.free(data)
	// list is memory of Go with pointers to memory of C, which cgo allows.
	err = shimError(C.cl_load_kernels(C.int(d.index()), data, &list[0], C.int(len(names)), &kernels[0]))
	return kernels, err
}

// shimError turns a message of the shim into an error, and frees it.
func shimError(text *C.char) error {
	if text == nil {
		return nil
	}
	defer C.free(unsafe.Pointer(text))
	line, _, _ := strings.Cut(C.GoString(text), "\n")
	return errors.New(strings.TrimSpace(line))
}
