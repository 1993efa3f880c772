package torch

/*
#include "core.h"
*/
import "C"

// Casts are copies of weights in a lower precision, which Autocast would otherwise make one
// by one in each step. All are refreshed by one operator.
type Casts struct {
	weights, copies []*Tensor
}

// castsInUse reports whether Conv2d and Linear take the copies.
var castsInUse bool

// NewCasts makes copies of the weights with two or more dimensions, without values until
// Refresh. Free them before the weights.
func NewCasts(weights []*Tensor, dtype Dtype) *Casts {
	c := &Casts{}
	NoGrad(func() {
		for _, w := range weights {
			if w.Dim() >= 2 {
				w.cast = w.Detach().To(dtype).Keep()
				c.weights, c.copies = append(c.weights, w), append(c.copies, w.cast)
			}
		}
	})
	return c
}

// Refresh copies the weights. Call it after they have changed.
func (c *Casts) Refresh() { NoGrad(func() { ForeachCopy_(c.copies, c.weights) }) }

// Use runs f, in which Conv2d and Linear use the copies in place of their weights. f belongs
// inside Autocast. The gradients are those of the weights, in their precision. A nil c runs
// f with the weights themselves.
func (c *Casts) Use(f func()) {
	if c == nil {
		f()
		return
	}
	before := castsInUse
	castsInUse = true
	defer func() { castsInUse = before }()
	f()
}

// Free drops the copies.
func (c *Casts) Free() {
	if c == nil {
		return
	}
	for _, w := range c.weights {
		w.cast = nil
	}
	for _, t := range c.copies {
		t.Free()
	}
	c.weights, c.copies = nil, nil
}

// casted is the copy of a weight where copies are in use, or else the weight. The gradient
// of a copy goes to the weight.
func (t *Tensor) casted() *Tensor {
	if !castsInUse || t.cast == nil {
		return t
	}
	r := C.cl_cast_of(t.c(), t.cast.c())
	check("cast", r.err)
	return wrap(r.t)
}
