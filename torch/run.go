package torch

/*
#include <stdlib.h>
#include "core.h"
*/
import "C"

import (
	"fmt"
	"runtime"
	"strings"
	"unsafe"

	"contralens/internal/machine"
)

// Error is the panic of an operator: libtorch's message and the operator that
// raised it.
type Error struct {
	Op          string // the operator, such as "aten::mm"
	Message     string
	OutOfMemory bool // the memory of a device was not enough
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Op, e.Message) }

// noPrimitive is in the messages of oneDNN, which computes convolutions and products on the
// CPU, about what it has no kernel for.
const noPrimitive = "could not create a primitive"

// Unsupported reports whether libtorch has no kernel for an operator on this processor.
func (e *Error) Unsupported() bool { return strings.Contains(e.Message, noPrimitive) }

// check panics with an *Error if text is set, and frees text.
func check(op string, text *C.char) {
	if text == nil {
		return
	}
	defer C.free(unsafe.Pointer(text))
	panic(message(op, text))
}

// try is check for functions that return their error.
func try(op string, text *C.char) error {
	if text == nil {
		return nil
	}
	defer C.free(unsafe.Pointer(text))
	return message(op, text)
}

// message makes an error of a message of the C interface.
func message(op string, text *C.char) *Error {
	said, full := strings.CutPrefix(C.GoString(text), C.CL_OUT_OF_MEMORY)
	said, _, _ = strings.Cut(said, "\nException raised from")
	return &Error{Op: op, Message: strings.TrimSpace(said), OutOfMemory: full}
}

var threads = machine.Processors()

// SetThreads sets how many threads an operator may use, on this thread and in every
// later Run. The default is one per processor that this process may use.
func SetThreads(n int) {
	threads = max(n, 1)
	C.cl_set_threads(C.int(threads))
}

// Threads is the number of threads that an operator may use.
func Threads() int { return threads }

// Run runs tensor work: it locks the goroutine to its thread, sets the number of compute
// threads there, and returns f's error. If an operator panics with an *Error, Run
// returns that.
func Run(f func() error) (err error) {
	if err := Load(); err != nil {
		return err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if int(C.cl_get_threads()) != threads {
		C.cl_set_threads(C.int(threads))
	}
	outer := current
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(*Error)
			if !ok {
				panic(r)
			}
			current, err = outer, e
		}
	}()
	return f()
}

// Version is the version of the libtorch that was loaded, such as "1.13.1", or "none" if
// Load fails.
func Version() string {
	if Load() != nil {
		return "none"
	}
	return loadedVersion()
}

// BuildInfo is libtorch's own description of its build and of its threads.
func BuildInfo() string {
	text := C.cl_config()
	defer C.free(unsafe.Pointer(text))
	return C.GoString(text)
}
