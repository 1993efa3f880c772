// Package blas reports which kernels the process's OpenBLAS computes matrix products with,
// and replaces those of an older processor. OpenBLAS chooses its kernels by the processor's
// model; a version older than the processor falls back to kernels of 2004 (Prescott), which
// are six times slower than they need be.
package blas

/*
#cgo LDFLAGS: -ldl
#include <stdlib.h>
#include "library.h"
*/
import "C"

import (
	"strings"
	"unsafe"
)

// CoreVariable is the environment variable by which a user chooses OpenBLAS's kernels.
const CoreVariable = "OPENBLAS_CORETYPE"

// Library is an OpenBLAS. Nothing may compute while Use runs.
type Library interface {
	Core() string     // the kernels in use, such as "Haswell"
	Version() string  // such as "OpenBLAS 0.3.21"
	Switchable() bool // whether the build has kernels for several processors
	Use(core string)  // chooses kernels; Core tells whether there are such
}

// Loaded returns the OpenBLAS that is loaded into this process, or nil if libtorch computes
// with another library. Call it once libtorch is loaded.
func Loaded() Library {
	found := C.cl_blas_find()
	if found.path == nil {
		return nil
	}
	C.free(unsafe.Pointer(found.path))
	return &library{found}
}

type library struct{ c C.cl_blas }

func (l *library) Core() string     { return C.GoString(C.cl_blas_core(&l.c)) }
func (l *library) Switchable() bool { return l.c.choose != nil && l.c.forget != nil }

func (l *library) Version() string {
	words := strings.Fields(C.GoString(C.cl_blas_config(&l.c)))
	return strings.Join(words[:min(2, len(words))], " ")
}

func (l *library) Use(core string) {
	name := C.CString(core)
	defer C.free(unsafe.Pointer(name))
	C.cl_blas_use(&l.c, name)
}
