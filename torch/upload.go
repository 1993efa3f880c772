package torch

/*
#include "core.h"
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// Upload brings batches of bytes to a device while the device computes. It has page-locked
// memory, from which the device copies on its own, a stream for the copies, and memory on
// the device for two batches: one in use, one on its way. After NewUpload it allocates
// nothing.
//
//	u := NewUpload(device, sizes, 4)
//	fill(u.Host()[0])
//	next := u.Start(u.Host()[0]) // launches the copy
//	…                            // launches a step on another batch
//	x := next.Tensor(0)          // the device waits for the copy, the host does not
//	…                            // launches a step on x
//	next.Release()               // the device may overwrite x after that step
//
// On the CPU the same calls copy at once. Call all methods inside Run.
type Upload struct {
	device Device
	stream *stream
	host   [][][]uint8
	pinned map[*uint8]*Tensor // by its first byte
	slots  [2]slot
	next   int // the slot of the next batch
}

// slot is the memory on the device for one batch.
type slot struct {
	buffers []*Tensor // uint8, one for each buffer of a batch
	held    bool      // a Transfer that is not released has it
	copied  *event    // the newest copy into it has arrived
	used    *event    // the work on the batch before is done
}

// NewUpload makes an Upload for batches of buffers with the given numbers of bytes, and
// memory of the host for count batches.
func NewUpload(d Device, sizes []int, count int) *Upload {
	u := &Upload{device: d, stream: copyStream(d), pinned: map[*uint8]*Tensor{}}
	for range count {
		var batch [][]uint8
		for _, n := range sizes {
			t := pinned(max(n, 1), d).Keep()
			b := unsafe.Slice((*uint8)(C.cl_data(t.c())), max(n, 1))
			u.pinned[&b[0]] = t
			batch = append(batch, b[:n])
		}
		u.host = append(u.host, batch)
	}
	// libtorch gives memory that is freed to later tensors of the same stream. That of the
	// slots stays with the stream of the copies, whose work is done in order.
	u.stream.use(func() {
		for i := range u.slots {
			s := &u.slots[i]
			for _, n := range sizes {
				s.buffers = append(s.buffers, Empty([]int{n}, Options{Dtype: Uint8, Exact: true, Device: d}).Keep())
			}
		}
	})
	return u
}

// Host returns the memory of the host: for each batch, the bytes of each buffer. It is
// valid until Free. Any goroutine may write to it, but not between Start and the time when
// Sent is true.
func (u *Upload) Host() [][][]uint8 { return u.host }

// Transfer is a batch on its way to the device.
type Transfer struct {
	slot  *slot
	sizes []int
}

// Start launches the copy of a batch: the first bytes of each of its buffers, which must be
// those of one element of Host. It panics with an *Error if both batches before are not
// released, or if batch is other memory.
func (u *Upload) Start(batch [][]uint8) *Transfer {
	s := &u.slots[u.next]
	if s.held {
		panic(&Error{Op: "upload", Message: "want at most two batches at a time, got a third one"})
	}
	t := &Transfer{slot: s}
	u.stream.use(func() {
		s.used.block()
		Scoped(func() {
			for i, b := range batch {
				from := u.pinned[unsafe.SliceData(b)]
				if from == nil || len(b) > s.buffers[i].Size(0) {
					panic(&Error{Op: "upload", Message: fmt.Sprintf("buffer %d (%d bytes) is not one of Host", i, len(b))})
				}
				s.buffers[i].Narrow(0, 0, len(b)).inplace("aten::copy_", from.Narrow(0, 0, len(b)), true)
				t.sizes = append(t.sizes, len(b))
			}
		})
		s.copied.free()
		s.copied = record(u.device)
	})
	s.held = true
	u.next = 1 - u.next
	return t
}

// Sent reports whether the copy is done, so that the host's memory may be written again.
func (t *Transfer) Sent() bool { return t.slot.copied.done() }

// Wait waits until the copy is done.
func (t *Transfer) Wait() { t.slot.copied.wait() }

// Tensor returns a buffer on the device, uint8 [n]. Work that is launched after the call
// sees its bytes.
func (t *Transfer) Tensor(i int) *Tensor {
	t.slot.copied.block()
	return t.slot.buffers[i].Narrow(0, 0, t.sizes[i])
}

// Release says that all work on the batch has been launched. A later batch overwrites its
// tensors when the device has done that work.
func (u *Upload) Release(t *Transfer) {
	t.slot.used.free()
	t.slot.used = record(u.device)
	t.slot.held = false
}

// Free waits for the copies and frees all memory. What uses it next on the device waits for
// the work on the batches that were released.
func (u *Upload) Free() {
	for _, s := range u.slots {
		s.copied.wait()
		u.stream.use(s.used.block)
		s.copied.free()
		s.used.free()
		for _, b := range s.buffers {
			b.Free()
		}
	}
	for _, t := range u.pinned {
		t.Free()
	}
	u.host, u.pinned, u.slots = nil, nil, [2]slot{}
}

// stagedBytes is the size up to which ToDevice copies a tensor to page-locked memory first.
// A copy from other memory makes the host wait for all work that the device still has to
// do. The largest tensor that a step sends is a permutation of a queue's rows, 512 KB.
const stagedBytes = 4 << 20

// staged copies t from the CPU to a GPU through page-locked memory, which libtorch reuses
// once the device has read it.
func (t *Tensor) staged(d Device) *Tensor {
	return Scoped1(func() *Tensor {
		// dtype, layout and device as those of t, then pin_memory
		locked := call("aten::empty_like", t, nil, nil, nil, true).Copy_(t)
		return call("aten::to.device", locked, d, t.Dtype(), true)
	})
}
