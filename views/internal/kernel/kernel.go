// Package kernel makes a whole view in one call to C: crop, resize, flip, colors, blur,
// normalization. The C code consists of plain loops and GCC's vector types, and is
// compiled for each instruction set of package cpu. docs/views.md explains why it is C
// and has measurements.
package kernel

/*
#cgo CFLAGS: -O3 -Wall -I${SRCDIR}/../../../internal/cpu
#cgo LDFLAGS: -lm
#include "plan.h"
*/
import "C"

import (
	"fmt"
	"unsafe"

	_ "contralens/internal/cpu" // defines what cpu.h declares
)

// Operations of a Step.
const (
	Brightness = C.STEP_BRIGHTNESS
	Contrast   = C.STEP_CONTRAST
	Saturation = C.STEP_SATURATION
	Hue        = C.STEP_HUE // argument: in 1/256 of a turn
	Gray       = C.STEP_GRAY
	Blur       = C.STEP_BLUR // argument: sigma
	Blur23     = C.STEP_BLUR23
)

// Step is an operation on the resized crop.
type Step struct {
	Op       int32
	Argument float32
}

// Plan describes a view; plan.h explains the fields.
type Plan struct {
	X, Y, W, H       float64
	SourceW, SourceH int32
	OutW, OutH       int32
	Left, Top        int32
	SizeW, SizeH     int32
	Flip             int32
	Steps            int32
	Step             [8]Step
	Scale            [9]float32
	Bias             [3]float32
	Patches, Patch   int32
	At               [9][2]int32
}

// These compile only if plan in Go and in C have the same size.
const (
	_ = uint(unsafe.Sizeof(Plan{}) - C.sizeof_plan)
	_ = uint(C.sizeof_plan - unsafe.Sizeof(Plan{}))
)

// Add adds a step.
func (p *Plan) Add(op int32, argument float64) {
	p.Step[p.Steps] = Step{op, float32(argument)}
	p.Steps++
}

// View makes a view of source, 8-bit RGB interleaved, and writes it to dst, planar
// float32. room is working memory that the next call reuses. It panics if source or dst
// is too short.
func View(p *Plan, source []uint8, room *[]uint8, dst []float32) {
	p.check(len(source), len(dst))
	C.kernel_view((*C.plan)(unsafe.Pointer(p)), pointer(source), p.room(room), (*C.float)(unsafe.Pointer(&dst[0])), nil)
}

// View8 is View without the last transform of the colors; dst is 8-bit RGB interleaved,
// one patch after the other.
func View8(p *Plan, source []uint8, room *[]uint8, dst []uint8) {
	p.check(len(source), len(dst))
	C.kernel_view((*C.plan)(unsafe.Pointer(p)), pointer(source), p.room(room), nil, pointer(dst))
}

// check panics if C would read or write beyond a slice.
func (p *Plan) check(source, dst int) {
	values := 3 * int(p.SizeW) * int(p.SizeH)
	if p.Patches > 0 {
		values = 3 * int(p.Patches) * int(p.Patch) * int(p.Patch)
	}
	if pixels := 3 * int(p.SourceW) * int(p.SourceH); source < pixels || dst < values {
		panic(fmt.Sprintf("views: want %d values of the image and space for %d, got %d and %d", pixels, values, source, dst))
	}
}

func (p *Plan) room(room *[]uint8) *C.uint8_t {
	if n := int(C.kernel_room((*C.plan)(unsafe.Pointer(p)))); len(*room) < n {
		*room = make([]uint8, n)
	}
	return pointer(*room)
}

func pointer(b []uint8) *C.uint8_t { return (*C.uint8_t)(unsafe.Pointer(&b[0])) }
