// Package kernel makes a whole view in one call to C: crop, resize, flip,
// colors, blur, normalization. The C is plain loops and GCC's vector types,
// compiled for each level of instructions (package cpu); see docs/views.md for why
// it is C and what it is measured against.
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

	_ "contralens/internal/cpu" // the level that cpu.h declares
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

// Both must be zero: the two declarations agree in size.
const (
	_ = uint(unsafe.Sizeof(Plan{}) - C.sizeof_plan)
	_ = uint(C.sizeof_plan - unsafe.Sizeof(Plan{}))
)

// Add adds a step.
func (p *Plan) Add(op int32, argument float64) {
	p.Step[p.Steps] = Step{op, float32(argument)}
	p.Steps++
}

// View makes the view of source, 8-bit RGB interleaved, and writes it to dst,
// planar float32. room is memory that is kept for the next call.
func View(p *Plan, source []uint8, room *[]uint8, dst []float32) {
	values := 3 * int(p.SizeW) * int(p.SizeH)
	if p.Patches > 0 {
		values = 3 * int(p.Patches) * int(p.Patch) * int(p.Patch)
	}
	p.check(len(source), len(dst), values)
	C.kernel_view((*C.plan)(unsafe.Pointer(p)), pointer(source), p.room(room), (*C.float)(unsafe.Pointer(&dst[0])), nil)
}

// View8 makes the view without the final colors, 8-bit RGB interleaved.
func View8(p *Plan, source []uint8, room *[]uint8, dst []uint8) {
	p.check(len(source), len(dst), 3*int(p.SizeW)*int(p.SizeH))
	C.kernel_view((*C.plan)(unsafe.Pointer(p)), pointer(source), p.room(room), nil, pointer(dst))
}

// check panics where C would read or write beyond a slice.
func (p *Plan) check(source, dst, values int) {
	if pixels := 3 * int(p.SourceW) * int(p.SourceH); source < pixels || dst < values {
		panic(fmt.Sprintf("views: want %d values of the image and room for %d, got %d and %d", pixels, values, source, dst))
	}
}

func (p *Plan) room(room *[]uint8) *C.uint8_t {
	if n := int(C.kernel_room((*C.plan)(unsafe.Pointer(p)))); len(*room) < n {
		*room = make([]uint8, n)
	}
	return pointer(*room)
}

func pointer(b []uint8) *C.uint8_t { return (*C.uint8_t)(unsafe.Pointer(&b[0])) }
