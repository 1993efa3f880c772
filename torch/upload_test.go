package torch

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// onEveryDevice runs a test of copies on the CPU and on a GPU, even a pretended one, which
// copies but does not compute.
func onEveryDevice(t *testing.T, test func(t *testing.T, d Device)) {
	devices := []Device{CPU}
	if CUDADevices() > 0 {
		devices = append(devices, CUDA(0))
	}
	for _, d := range devices {
		t.Run(d.String(), func(t *testing.T) { test(t, d) })
	}
}

// Batches arrive as they were written, also short ones, and host memory may be reused as
// soon as they are sent.
func TestUpload(t *testing.T) {
	onEveryDevice(t, func(t *testing.T, d Device) {
		inRun(t, func() {
			u := NewUpload(d, []int{7, 1000}, 3)
			defer u.Free()
			fill := func(batch [][]uint8, step int) {
				for v, b := range batch {
					for i := range b {
						b[i] = uint8(3*step + 5*v + i)
					}
				}
			}
			start := func(step int) *Transfer {
				host := u.Host()[step%3]
				batch := [][]uint8{host[0][:5+step%3], host[1][:1000-step]}
				fill(batch, step)
				return u.Start(batch)
			}
			next := start(0)
			for step := range 20 {
				now := next
				next = start(step + 1)
				for v := range 2 {
					x := now.Tensor(v)
					want := make([]uint8, []int{5 + step%3, 1000 - step}[v])
					for i := range want {
						want[i] = uint8(3*step + 5*v + i)
					}
					if x.Device() != d || x.Dtype() != Uint8 || !bytes.Equal(x.Uint8s(), want) {
						t.Errorf("step %d, buffer %d: other bytes", step, v)
					}
				}
				u.Release(now)
				next.Wait()
				if !next.Sent() {
					t.Error("waited, but not sent")
				}
			}
		})
	})
}

// A third batch, and memory that the device could not read on its own, are mistakes.
func TestUploadRefuses(t *testing.T) {
	inRun(t, func() {
		u := NewUpload(CPU, []int{4}, 3)
		defer u.Free()
		refuses := func(what string, batch [][]uint8) {
			defer func() {
				if e, ok := recover().(*Error); !ok || !strings.Contains(e.Message, what) {
					t.Errorf("got %v, want an error about %s", e, what)
				}
			}()
			u.Start(batch)
		}
		refuses("not one of Host", [][]uint8{make([]uint8, 4)})
		u.Start(u.Host()[0])
		u.Start(u.Host()[1])
		refuses("third", u.Host()[2])
	})
}

// ToDevice gives the same elements and strides for small and large tensors.
func TestToDevice(t *testing.T) {
	onEveryDevice(t, func(t *testing.T, d Device) {
		inRun(t, func() {
			for _, n := range []int{0, 3, stagedBytes/8 + 1} {
				x := Arange(2*n).View(2, n).T()
				y := x.ToDevice(d)
				if y.Device() != d || y.Dtype() != Int64 || !slices.Equal(x.Int64s(), y.Int64s()) {
					t.Errorf("%v: %v on %v", x, y, y.Device())
				}
			}
		})
	})
}
