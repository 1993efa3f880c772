package torch

/*
#include "core.h"
*/
import "C"

import (
	"time"
	"unsafe"
)

// Mark is a moment in the work of a device: the end of what was launched on its current
// stream so far. The host does not wait for it. Free it when done.
type Mark struct{ event unsafe.Pointer }

// NewMark makes a mark on a device, which is not the CPU.
func NewMark(d Device) *Mark {
	var err *C.char
	event := C.cl_event_record_timed(C.int(d.index()), &err)
	check("mark", err)
	return &Mark{event}
}

// Since returns the device's time from an earlier mark to m. It waits for m.
func (m *Mark) Since(earlier *Mark) time.Duration {
	var milliseconds C.double
	check("mark", C.cl_event_elapsed(earlier.event, m.event, &milliseconds))
	return time.Duration(float64(milliseconds) * float64(time.Millisecond))
}

// Free releases the mark.
func (m *Mark) Free() {
	if m != nil && m.event != nil {
		C.cl_event_free(m.event)
		m.event = nil
	}
}
