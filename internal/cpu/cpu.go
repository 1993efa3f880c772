// Package cpu decides which instructions the kernels in C and C++ use: those of the
// highest level that the processor supports, or of a lower level set by the environment
// variable ATEN_CPU_CAPABILITY (default, avx2, avx512), which libtorch's kernels also
// obey. Packages of kernels include cpu.h and import this package to link its C.
package cpu

/*
#include "cpu.h"

static void use(int level) {
  __atomic_store_n(&cl_cpu_level, level, __ATOMIC_RELAXED);
  if (cl_cpu_follower) __atomic_store_n(cl_cpu_follower, level, __ATOMIC_RELAXED);
}

static void follow(void* level) { cl_cpu_follower = level; }
*/
import "C"

import (
	"embed"
	"iter"
	"os"
	"unsafe"
)

// Source has cpu.h and cpu.c, for kernels that are compiled into a library.
//
//go:embed cpu.h cpu.c
var Source embed.FS

// Follow keeps the level of a library that was loaded at run time equal to this
// program's. level is the address of its variable cl_cpu_level.
func Follow(level unsafe.Pointer) {
	C.follow(level)
	C.use(C.int(Current()))
}

// Level is a set of instructions. Each includes those below it.
type Level int

// The levels. Processors other than x86-64 have only Baseline.
const (
	Baseline Level = C.CPU_BASELINE
	AVX2     Level = C.CPU_AVX2
	AVX512   Level = C.CPU_AVX512
)

func (l Level) String() string {
	switch l {
	case AVX512:
		return "AVX-512"
	case AVX2:
		return "AVX2"
	default:
		return "baseline"
	}
}

// Best returns the highest level that may be used.
func Best() Level { return Level(C.cl_cpu_best) }

// Current returns the level in use.
func Current() Level { return Level(C.cpu_level()) }

// Levels yields every level that may be used, lowest first. The kernels use a level while
// it is yielded, and the previous one afterwards. It is meant for tests: nothing else may
// compute meanwhile.
func Levels() iter.Seq[Level] {
	_ = os.Getenv("ATEN_CPU_CAPABILITY") // tells go test that cached results depend on the variable
	return func(yield func(Level) bool) {
		defer C.use(C.int(Current()))
		for l := Baseline; l <= Best(); l++ {
			C.use(C.int(l))
			if !yield(l) {
				return
			}
		}
	}
}
