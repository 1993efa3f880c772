//go:build engine

package loader

/*
#cgo CFLAGS: -O2
#cgo LDFLAGS: -ldl
#include <stdlib.h>
#include "open.h"
*/
import "C"

import (
	"fmt"
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"contralens/internal/cpu"
	"contralens/internal/libtorch"
	"contralens/torch/engine"
)

// Load loads the engine that engine.Choose names, once. The error is a sentence.
var Load = sync.OnceValues(func() (engine.Engine, error) {
	e, err := engine.Choose(Embedded())
	if err != nil {
		return e, err
	}
	return e, load(e)
})

//export cl_load_or_exit
func cl_load_or_exit() { //nolint:revive // jumps.S calls it by this name
	if _, err := Load(); err != nil {
		fmt.Fprintln(os.Stderr, "contralens:", err)
		os.Exit(1)
	}
}

func load(e engine.Engine) error {
	if now := libtorch.Upgraded(e.Folder, e.Libtorch); now != "" {
		return e.Upgraded(now)
	}
	if err := libtorch.CheckWhole(e.Lib); err != nil {
		return err
	}
	path := e.Path
	if path == "" {
		file, err := inMemory(library())
		if err != nil {
			return err
		}
		defer file.Close()
		path = fmt.Sprintf("/proc/self/fd/%d", file.Fd())
	} else if err := e.Whole(); err != nil {
		return err
	}
	cpath := C.CString(path)
	defer C.free(unsafe.Pointer(cpath))
	var handle unsafe.Pointer
	if message := C.cl_open(cpath, &handle); message != nil {
		defer C.free(unsafe.Pointer(message))
		return e.Explain(C.GoString(message))
	}
	sources := address(handle, "cl_engine_sources")
	if sources == nil || C.GoString((*C.char)(sources)) != engine.Sources() {
		return e.Other()
	}
	if lacks := C.cl_connect(handle); lacks != nil {
		return e.Other()
	}
	if level := address(handle, "cl_cpu_level"); level != nil {
		cpu.Follow(level)
	}
	return nil
}

// address returns the address of a name in a library, or nil.
func address(library unsafe.Pointer, name string) unsafe.Pointer {
	cname := C.CString(name)
	defer C.free(unsafe.Pointer(cname))
	return C.cl_address(library, cname)
}

// inMemory returns a file without a name, from which the system can load a library. No
// other file has to be written, kept or removed.
func inMemory(content []byte) (*os.File, error) {
	descriptor, err := unix.MemfdCreate(engine.Library, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("engine: want a file in memory for the library in this program: %w", err)
	}
	file := os.NewFile(uintptr(descriptor), engine.Library)
	if _, err := file.Write(content); err != nil {
		file.Close()
		return nil, fmt.Errorf("engine: the library in this program cannot be kept in memory: %w", err)
	}
	return file, nil
}
