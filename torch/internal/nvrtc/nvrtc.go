// Package nvrtc compiles CUDA C++ when the program runs, by NVIDIA's library NVRTC. The
// library comes with every libtorch for CUDA; neither nvcc nor headers of CUDA are
// needed, and no GPU.
package nvrtc

/*
#include <stdlib.h>
#include "nvrtc.h"
*/
import "C"

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"unsafe"
)

// library is the NVRTC in use, once it was looked for.
var library struct {
	sync.Mutex
	path string
	err  error
}

// Open looks for NVRTC and returns where it is. The error says where it was looked for.
func Open() (path string, err error) {
	library.Lock()
	defer library.Unlock()
	if library.path == "" && library.err == nil {
		library.path, library.err = open(candidates())
	}
	return library.path, library.err
}

func open(paths []string) (string, error) {
	var last error
	for _, path := range paths {
		name := C.CString(path)
		err := message(C.nvrtc_open(name))
		C.free(unsafe.Pointer(name))
		if err == nil {
			return path, nil
		}
		last = err
	}
	return "", fmt.Errorf("libnvrtc was not found beside libtorch or on the system: %w", last)
}

// Version returns the version of NVRTC, such as "13.2".
func Version() (string, error) {
	if _, err := Open(); err != nil {
		return "", err
	}
	var major, minor C.int
	C.nvrtc_version(&major, &minor)
	return fmt.Sprintf("%d.%d", major, minor), nil
}

// Compile compiles a text for a compute capability (90 is 9.0) with options of NVRTC such
// as "-DNAME=VALUE". It returns an image for the driver: machine code, or PTX for a GPU
// that is newer than NVRTC. Images are kept in the user's cache.
func Compile(text string, capability int, options ...string) ([]byte, error) {
	path, err := Open()
	if err != nil {
		return nil, err
	}
	version, err := Version()
	if err != nil {
		return nil, err
	}
	architecture := int(C.nvrtc_architecture(C.int(capability)))
	if architecture == 0 {
		return nil, fmt.Errorf("%s (%s) does not compile for compute capability %d.%d",
			path, version, capability/10, capability%10)
	}
	target, ptx := fmt.Sprintf("-arch=sm_%d", architecture), architecture != capability
	if ptx {
		target = fmt.Sprintf("-arch=compute_%d", architecture)
	}
	options = append([]string{target, "-std=c++17"}, options...)
	key := sha256.Sum256([]byte(strings.Join(append([]string{text, version}, options...), "\x00")))
	file := cacheFile(key)
	if image := load(file); image != nil {
		return image, nil
	}
	image, err := compile(text, options, ptx)
	if err != nil {
		return nil, fmt.Errorf("%s (%s) refuses a kernel: %w", path, version, err)
	}
	store(file, image)
	return image, nil
}

func compile(text string, options []string, ptx bool) ([]byte, error) {
	source := C.CString(text)
	defer C.free(unsafe.Pointer(source))
	list := make([]*C.char, len(options))
	for i, option := range options {
		list[i] = C.CString(option)
		defer C.free(unsafe.Pointer(list[i]))
	}
	var image unsafe.Pointer
	var size C.size_t
	var asPTX C.int
	if ptx {
		asPTX = 1
	}
	if err := message(C.nvrtc_compile(source, &list[0], C.int(len(list)), asPTX, &image, &size)); err != nil {
		return nil, err
	}
	defer C.free(image)
	return C.GoBytes(image, C.int(size)), nil
}

// message turns a message of C into an error of one line, and frees it.
func message(text *C.char) error {
	if text == nil {
		return nil
	}
	defer C.free(unsafe.Pointer(text))
	line, _, _ := strings.Cut(strings.TrimSpace(C.GoString(text)), "\n")
	return errors.New(line)
}
