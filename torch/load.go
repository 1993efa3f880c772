package torch

/*
#include <stdlib.h>
#include "core.h"
*/
import "C"

import (
	"strings"
	"sync"
	"unsafe"

	"contralens/torch/engine"
)

// Load loads libtorch, unless that has happened before, and returns an error in a sentence
// if it cannot be used. Run and ParseDevice do so first. Where libtorch is linked, it was
// loaded when the program started. Without Load, the first operator loads libtorch, and
// ends the program if that fails.
func Load() error {
	_, err := loaded()
	return err
}

// Engine returns the engine in use, or nil if this program is linked with libtorch. The
// error is that of Load.
func Engine() (*engine.Engine, error) { return loaded() }

var loaded = sync.OnceValues(func() (*engine.Engine, error) {
	e, err := load()
	if err != nil {
		return nil, err
	}
	built := C.GoString(C.cl_version())
	if now := loadedVersion(); minor(now) != minor(built) {
		return e, engine.Mismatch(built, now)
	}
	return e, nil
})

// loadedVersion is the version that the library says it has.
func loadedVersion() string {
	text := C.cl_loaded_version()
	defer C.free(unsafe.Pointer(text))
	return C.GoString(text)
}

// minor cuts a version such as 2.15.0 after its second number. Versions that differ there
// have another binary interface.
func minor(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}
