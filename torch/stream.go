package torch

/*
#include "core.h"
*/
import "C"

import "unsafe"

// event marks the end of the work that was launched on a device so far. On the CPU, where
// work is done once it is launched, it is nil, and its methods do nothing.
type event struct{ handle unsafe.Pointer }

// record returns a new mark in the device's current stream.
func record(d Device) *event {
	if d.IsCPU() {
		return nil
	}
	var err *C.char
	handle := C.cl_event_record(C.int(d.index()), &err)
	check("event", err)
	return &event{handle}
}

// block makes the work that is launched later on the current stream wait, not the host.
func (e *event) block() {
	if e != nil {
		check("event", C.cl_event_block(e.handle))
	}
}

// done reports whether the device has come so far.
func (e *event) done() bool {
	if e == nil {
		return true
	}
	r := C.cl_event_done(e.handle)
	check("event", r.err)
	return r.i != 0
}

// wait makes the host wait until the device has come so far.
func (e *event) wait() {
	if e != nil {
		check("event", C.cl_event_wait(e.handle))
	}
}

func (e *event) free() {
	if e != nil {
		C.cl_event_free(e.handle)
	}
}

// stream is a queue of a device's work beside the current one. It is nil on the CPU.
type stream struct{ handle unsafe.Pointer }

// copies has the stream on which data goes to each device, made at the first use.
var copies = map[Device]*stream{}

// copyStream returns the stream on which data goes to a device.
func copyStream(d Device) *stream {
	if d.IsCPU() {
		return nil
	}
	if copies[d] == nil {
		var err *C.char
		handle := C.cl_stream_new(C.int(d.index()), &err)
		check("stream", err)
		copies[d] = &stream{handle}
	}
	return copies[d]
}

// use launches the work of f on the stream.
func (s *stream) use(f func()) {
	if s == nil {
		f()
		return
	}
	check("stream", C.cl_stream_exchange(s.handle))
	defer func() { check("stream", C.cl_stream_exchange(s.handle)) }()
	f()
}
