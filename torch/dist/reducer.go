package dist

/*
#include "dist.h"
*/
import "C"

import (
	"fmt"
	"slices"
	"strings"
	"unsafe"

	"contralens/torch"
)

// Layout is how a [Reducer] divides its parameters into buckets, each of which is summed in
// one collective: lists of the parameters' indices. With three ranks or more, the rounding
// of a sum depends on its place in the bucket, so that a training goes on bit for bit only
// with the layout that it had.
type Layout [][]int

// A Reducer averages the gradients of parameters over the ranks of a group, bucket by bucket
// while the backward pass computes the next ones. It is the one of PyTorch's
// DistributedDataParallel.
//
// Its hooks are idle but in [Reducer.Backward] and [Reducer.Reduce]: other backward passes
// add this rank's own gradients.
type Reducer struct {
	handle     C.cl_reducer
	parameters int
}

// NewReducer makes a Reducer of parameters that are leaves and want gradients. Every rank
// has the same ones in the same order, and each of them must get a gradient in every
// Backward. The layout is one of an earlier Reducer, or nil for a new one. An error names
// parameters that differ among the ranks.
func NewReducer(g *Group, parameters []*torch.Tensor, layout Layout) (*Reducer, error) {
	if len(parameters) == 0 {
		return nil, fmt.Errorf("reducer: want parameters, got none")
	}
	if err := layout.check(len(parameters)); err != nil {
		return nil, err
	}
	if err := g.agree(parameters); err != nil {
		return nil, err
	}
	var lengths, members []int
	for _, bucket := range layout {
		lengths = append(lengths, len(bucket))
		members = append(members, bucket...)
	}
	r := &Reducer{parameters: len(parameters)}
	list, l, m := handles(parameters), integers(lengths), integers(members)
	if err := failure("reducer", C.cl_reducer_new(g.c("reducer"), C.int(len(list)), unsafe.SliceData(list),
		C.int(len(l)), unsafe.SliceData(l), unsafe.SliceData(m), &r.handle)); err != nil {
		return nil, err
	}
	return r, nil
}

// agree returns an error, the same on all ranks, unless the parameters of all of them have the
// same types and shapes. c10d's own check leaves rank 0 without an error.
func (g *Group) agree(parameters []*torch.Tensor) error {
	var text strings.Builder
	for _, p := range parameters {
		fmt.Fprintln(&text, p)
	}
	return torch.Run(func() error {
		var of [][]string
		torch.Scoped(func() {
			lengths := g.Gather(torch.FromInt64([]int64{int64(text.Len())}, 1)).Int64s()
			longest := int(slices.Max(lengths))
			padded := append([]byte(text.String()), make([]byte, longest-text.Len())...)
			for rank, t := range g.AllGather(torch.FromUint8(padded, longest)) {
				of = append(of, strings.Split(string(t.Uint8s()[:lengths[rank]]), "\n"))
			}
		})
		for rank, lines := range of {
			if len(lines) != len(of[0]) {
				return fmt.Errorf("reducer: rank 0 has %d parameters, rank %d has %d", len(of[0])-1, rank, len(lines)-1)
			}
			for i := range lines {
				if lines[i] != of[0][i] {
					return fmt.Errorf("reducer: parameter %d is %s on rank 0, %s on rank %d", i, of[0][i], lines[i], rank)
				}
			}
		}
		return nil
	})
}

// check returns an error unless the buckets hold each of n parameters once.
func (l Layout) check(n int) error {
	if l == nil {
		return nil
	}
	all := slices.Concat(l...)
	slices.Sort(all)
	for i, index := range all {
		if i != index {
			return fmt.Errorf("reducer: want a layout with each of %d parameters once, got %v", n, l)
		}
	}
	if len(all) != n {
		return fmt.Errorf("reducer: want a layout of %d parameters, got one of %d", n, len(all))
	}
	return nil
}

// Close takes the Reducer from its parameters.
func (r *Reducer) Close() {
	if r.handle != nil {
		C.cl_reducer_free(r.handle)
	}
	r.handle = nil
}

func (r *Reducer) c() C.cl_reducer {
	if r.handle == nil {
		panic(&torch.Error{Op: prefix + "reduce", Message: "the Reducer was closed"})
	}
	return r.handle
}

// Backward runs one backward pass from all roots, whose gradients are given, and leaves in
// each parameter's gradient the mean over the ranks of what it has become there. All ranks'
// results are equal, bit for bit. If the roots are parts of one loss, hand over size times
// their gradients: the mean is then the gradient of the whole. Without roots it is Reduce.
//
// It panics with a *torch.Error if a parameter gets no gradient, since then neither that one
// nor some others were averaged.
func (r *Reducer) Backward(roots, gradients []*torch.Tensor) {
	if len(roots) != len(gradients) {
		panic(&torch.Error{Op: prefix + "reduce", Message: fmt.Sprintf(
			"want a gradient for each root, got %d for %d", len(gradients), len(roots))})
	}
	from, ready := handles(roots), handles(gradients)
	check("reduce", C.cl_reducer_backward(r.c(), C.int(len(from)), unsafe.SliceData(from), unsafe.SliceData(ready)))
}

// Reduce averages the gradients that the parameters have, after any number of backward
// passes by other means. A parameter without a gradient counts as zero. A rank that has no
// rows of a batch calls it where others call Backward.
func (r *Reducer) Reduce() { r.Backward(nil, nil) }

// Layout returns the buckets now. They change once, after the first Backward of a Reducer,
// to the order in which gradients became ready.
func (r *Reducer) Layout() Layout {
	lengths, members := make([]C.int64_t, r.parameters), make([]C.int64_t, r.parameters)
	var buckets C.int
	check("reduce", C.cl_reducer_layout(r.c(), &buckets, unsafe.SliceData(lengths), unsafe.SliceData(members)))
	layout := make(Layout, buckets)
	for i := range layout {
		for _, index := range members[:lengths[i]] {
			layout[i] = append(layout[i], int(index))
		}
		members = members[lengths[i]:]
	}
	return layout
}
