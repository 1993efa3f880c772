package dist

/*
#include <stdlib.h>
#include "dist.h"
*/
import "C"

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unsafe"

	"contralens/torch"
	"contralens/torch/internal/bridge"
)

// Backends that move tensors between processes.
const (
	Gloo = "gloo" // on the CPU
	NCCL = "nccl" // on NVIDIA's GPUs
)

// Backends are those that this libtorch has.
func Backends() []string { return strings.Fields(C.GoString(C.cl_group_backends())) }

// Options of a group.
type Options struct {
	Rank    int    // of this process
	Size    int    // number of processes
	Backend string // Gloo if it is ""
	// Timeout is how long a collective waits for the other ranks.
	Timeout time.Duration
	// Interfaces are the names of network interfaces that Gloo uses. Without any, those of
	// GLOO_SOCKET_IFNAME, or else the one that leads to the store.
	Interfaces []string
	Device     torch.Device // this process's GPU, for NCCL
}

// A Group is a number of processes that call collectives together.
type Group struct {
	handle     C.cl_group
	rank, size int
	backend    string
}

// NewGroup meets the other processes in the store. Groups that share a store need prefixes
// of their own; see [Prefix].
func NewGroup(s *Store, o Options) (*Group, error) {
	if o.Backend == "" {
		o.Backend = Gloo
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Size < 1 || o.Rank < 0 || o.Rank >= o.Size {
		return nil, fmt.Errorf("group: want a rank from 0 to size-1, got rank %d of size %d", o.Rank, o.Size)
	}
	if err := torch.Load(); err != nil {
		return nil, err
	}
	if !slices.Contains(Backends(), o.Backend) {
		return nil, fmt.Errorf("group: libtorch %s here has no backend %q, but %s", torch.Version(), o.Backend,
			strings.Join(Backends(), ", "))
	}
	addresses, err := addresses(s, o.Interfaces)
	if err != nil {
		return nil, err
	}
	backend := C.CString(o.Backend)
	defer C.free(unsafe.Pointer(backend))
	at, free := texts(addresses)
	defer free()
	g := &Group{rank: o.Rank, size: o.Size, backend: o.Backend}
	err = s.call(func(handle C.cl_store) *C.char {
		return C.cl_group_new(handle, C.int(o.Rank), C.int(o.Size), backend, C.int(o.Device.Index()),
			C.int64_t(o.Timeout.Milliseconds()), C.int(len(addresses)), at, &g.handle)
	})
	if err != nil {
		return nil, fmt.Errorf("group: rank %d of %d did not reach the others: %w", o.Rank, o.Size, err)
	}
	return g, nil
}

// Close ends the group on this rank. Other ranks must not be in a collective.
func (g *Group) Close() {
	if g.handle != nil {
		C.cl_group_free(g.handle)
	}
	g.handle = nil
}

// Rank is this process's number in the group.
func (g *Group) Rank() int { return g.rank }

// Size is the number of processes.
func (g *Group) Size() int { return g.size }

// Backend is Gloo or NCCL.
func (g *Group) Backend() string { return g.backend }

func (g *Group) c(op string) C.cl_group {
	if g.handle == nil {
		panic(&torch.Error{Op: prefix + op, Message: "the group was closed"})
	}
	return g.handle
}

// Gather returns what each rank has: [size, n, …] where t is [n, …], in the order of the ranks.
// All ranks' t have one shape and type.
func (g *Group) Gather(t *torch.Tensor) *torch.Tensor {
	r := C.cl_group_gather(g.c("gather"), handle(t))
	check("gather", r.err)
	return bridge.Wrap(unsafe.Pointer(r.t)).(*torch.Tensor)
}

// AllGather is Gather with a tensor for each rank. They are views of one.
func (g *Group) AllGather(t *torch.Tensor) []*torch.Tensor {
	all := g.Gather(t)
	out := make([]*torch.Tensor, g.size)
	for rank := range out {
		out[rank] = all.Select(0, rank)
	}
	return out
}

// AllReduceSum replaces each tensor by its sum over the ranks, which is the same on all of
// them, bit for bit. All tensors of one call have one type, of 4 or 8 bytes with Gloo.
func (g *Group) AllReduceSum(ts ...*torch.Tensor) {
	for _, t := range ts {
		if t.Dtype() != ts[0].Dtype() {
			panic(&torch.Error{Op: prefix + "sum", Message: fmt.Sprintf(
				"want tensors of one type, got %v and %v", ts[0].Dtype(), t.Dtype())})
		}
		if t.Dtype().Half() && g.backend == Gloo {
			panic(&torch.Error{Op: prefix + "sum", Message: fmt.Sprintf(
				"Gloo sums no %v in every libtorch; convert to float32", t.Dtype())})
		}
	}
	list := handles(ts)
	check("sum", C.cl_group_sum(g.c("sum"), C.int(len(list)), unsafe.SliceData(list)))
}

// Broadcast replaces each tensor by that of the rank root.
func (g *Group) Broadcast(root int, ts ...*torch.Tensor) {
	list := handles(ts)
	check("broadcast", C.cl_group_broadcast(g.c("broadcast"), C.int(root), C.int(len(list)), unsafe.SliceData(list)))
}

// AllToAll sends rows of in, [n, …]: the first inRows[0] to rank 0, the next inRows[1] to
// rank 1, and so on. It fills out, [m, …], with outRows[0] rows from rank 0, then those from
// rank 1, and so on.
func (g *Group) AllToAll(out, in *torch.Tensor, outRows, inRows []int) {
	for _, side := range []struct {
		name string
		t    *torch.Tensor
		rows []int
	}{{"out", out, outRows}, {"in", in, inRows}} {
		if side.t.Dim() == 0 || len(side.rows) != g.size || sum(side.rows) != side.t.Size(0) ||
			slices.Min(side.rows) < 0 || side.t.Dtype() != in.Dtype() ||
			!slices.Equal(side.t.Shape()[1:], in.Shape()[1:]) {
			panic(&torch.Error{Op: prefix + "exchange", Message: fmt.Sprintf(
				"want %d numbers of rows that sum to the tensor's, and rows of %v; got %v for %s, %v",
				g.size, in, side.rows, side.name, side.t)})
		}
	}
	o, i := integers(outRows), integers(inRows)
	check("exchange", C.cl_group_exchange(g.c("exchange"), handle(out), handle(in), C.int(g.size),
		unsafe.SliceData(o), unsafe.SliceData(i)))
}

// Norm is batch norm in training of x, [n, C] or [n, C, H, W], by the statistics of the rows of
// all ranks, as if one process had them (synchronized batch norm). The backward pass sums over
// the ranks too, so all of them must take it. The gradients of weight and bias, [C], are this
// rank's share. mean and variance are the running statistics, which move by momentum on all
// ranks alike; both may be nil. Sums are in float64. A rank may have no rows.
func (g *Group) Norm(x, weight, bias, mean, variance *torch.Tensor, momentum, eps float64) *torch.Tensor {
	var running [2]C.cl_tensor
	if mean != nil {
		running = [2]C.cl_tensor{handle(mean), handle(variance)}
	}
	r := C.cl_group_norm(g.c("norm"), handle(x), handle(weight), handle(bias), running[0], running[1],
		C.double(momentum), C.double(eps))
	check("norm", r.err)
	return bridge.Wrap(unsafe.Pointer(r.t)).(*torch.Tensor)
}

// Barrier returns when all ranks have called it.
func (g *Group) Barrier() { check("barrier", C.cl_group_barrier(g.c("barrier"))) }

func sum(list []int) int {
	total := 0
	for _, n := range list {
		total += n
	}
	return total
}
