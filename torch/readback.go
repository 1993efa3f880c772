package torch

import (
	"fmt"
	"unsafe"
)

// Readback gathers results that lie on a device and brings them to the host in one copy,
// so that the host never waits while it launches a step:
//
//	r := NewReadback(device)
//	r.Values(loss, func(v []float64) { out.Value = v[0] })
//	…          // more results, then:
//	r.Start()  // launches the copy
//	…          // launches the next step
//	r.Wait()   // now out.Value is set
//
// On the CPU nothing is put off: Values reads a tensor and calls its function at once.
// The same holds for a nil Readback, which waits for the device each time.
type Readback struct {
	device   Device
	deferred bool
	pending  []reading
	host     *Tensor // the bytes of all pending results, uint8, once started
	event    *event  // the end of the copy
}

// reading is a result on its way to the host, or a function that follows those before it.
type reading struct {
	bytes  *Tensor // uint8 [numel·size], until started; nil: no result
	dtype  Dtype
	numel  int
	offset int // in bytes
	use    func(values []float64)
	then   func()
}

// NewReadback makes an empty Readback for results of a device.
func NewReadback(d Device) *Readback { return &Readback{device: d, deferred: !d.IsCPU()} }

// Defer makes r put off results of the CPU as well, and returns r. Tests hold this path
// to the immediate one.
func (r *Readback) Defer() *Readback {
	r.deferred = true
	return r
}

// Deferred reports whether functions are called by Wait. Otherwise Values calls them.
func (r *Readback) Deferred() bool { return r != nil && r.deferred }

// Values asks for the elements of t, in C order and converted to float64, and for use to
// be called with them. t has any shape and type. It may be freed after the call, but its
// elements must not change before Start. It panics with an *Error between Start and Wait.
func (r *Readback) Values(t *Tensor, use func(values []float64)) {
	if !r.Deferred() {
		use(t.Float64s())
		return
	}
	if r.host != nil {
		panic(&Error{Op: "readback", Message: "want all results before Start, got one after it"})
	}
	NoGrad(func() {
		bytes := Scoped1(func() *Tensor {
			return call("aten::view.dtype", t.Detach().Contiguous().View(-1), Uint8)
		})
		r.pending = append(r.pending, reading{bytes: bytes.Keep(), dtype: t.Dtype(), numel: t.Numel(), use: use})
	})
}

// Value is Values for a t with one element. It panics with an *Error for any other number
// of elements.
func (r *Readback) Value(t *Tensor, use func(value float64)) {
	if n := t.Numel(); n != 1 {
		panic(&Error{Op: "value", Message: fmt.Sprintf("want one element, got shape %v", t.Shape())})
	}
	r.Values(t, func(values []float64) { use(values[0]) })
}

// Then asks for f to be called after the functions of all Values so far.
func (r *Readback) Then(f func()) {
	if !r.Deferred() {
		f()
		return
	}
	r.pending = append(r.pending, reading{then: f})
}

// Start packs the results and launches their copy to the host. It does not wait.
func (r *Readback) Start() {
	if !r.Deferred() || r.host != nil || len(r.pending) == 0 {
		return
	}
	NoGrad(func() {
		Scoped(func() {
			var all []*Tensor
			size := 0
			for i := range r.pending {
				if p := &r.pending[i]; p.bytes != nil {
					all, p.bytes, p.offset = append(all, p.bytes), nil, size
					size += p.numel * p.dtype.Size()
				}
			}
			defer freeAll(all)
			if len(all) == 0 {
				r.host = Empty([]int{0}, Options{Exact: true}).Keep()
				return
			}
			packed := Cat(all, 0)
			r.host = pinned(size, r.device).Keep()
			r.host.inplace("aten::copy_", packed, true)
		})
	})
	if r.host.Numel() > 0 {
		r.event = record(r.device)
	}
}

// Wait waits until the results have arrived, and calls the functions in the order of
// Values. It starts the copy if Start was not called. Afterwards r is empty and can be
// used again.
func (r *Readback) Wait() {
	if !r.Deferred() || len(r.pending) == 0 {
		return
	}
	r.Start()
	r.event.wait()
	data, arrived := r.host.Bytes(), r.pending
	r.Free()
	for _, p := range arrived {
		if p.then != nil {
			p.then()
			continue
		}
		p.use(decode(data[p.offset:p.offset+p.numel*p.dtype.Size()], p.dtype))
	}
}

// Free drops all results that have not been waited for.
func (r *Readback) Free() {
	if r == nil {
		return
	}
	for _, p := range r.pending {
		p.bytes.Free()
	}
	r.host.Free()
	r.event.free()
	r.pending, r.host, r.event = nil, nil, nil
}

// decode converts the bytes of elements.
func decode(data []byte, dtype Dtype) []float64 {
	n := len(data) / dtype.Size()
	if n == 0 {
		return []float64{}
	}
	t := fromData(unsafe.Pointer(unsafe.SliceData(data)), n, dtype, CPU, []int{n})
	defer t.Free()
	return t.Float64s()
}

// pinned makes n uninitialized bytes on the host, to which the device copies without
// making the host wait.
func pinned(n int, d Device) *Tensor {
	return call("aten::empty.memory_format", []int{n}, Uint8, nil, CPU, !d.IsCPU())
}
