// Package profile measures the cost of training on this machine. Step measures the
// phases of a training step, its arithmetic compared with the processor's peak, and its
// memory; MeasureViews measures how fast images are decoded and augmented.
package profile

import (
	"contralens/methods"
	"contralens/nn/layers"
)

// Work counts the floating-point operations of a step by observing one.
type Work struct {
	methods.Method
	model    *methods.Model
	perImage float64
}

// Count wraps the model's method, to count the operations of its first batch.
func Count(m *methods.Model) *Work {
	w := &Work{Method: m.Method, model: m}
	m.Method = w
	return w
}

// PerImage returns the number of operations per image, or 0 before the first step. A
// multiply-add is two operations. A forward pass counts once, and its backward pass, if
// there is one, twice as much again. What is recomputed to save memory counts once.
// Convolutions and linear layers count, and so do the products of queries with the rows
// of a queue or bank, forward and backward.
func (w *Work) PerImage() float64 { return w.perImage }

// Forward calls the method, and counts the operations of the first call.
func (w *Work) Forward(b *methods.Batch) (out methods.Outcome) {
	if w.perImage > 0 {
		return w.Method.Forward(b)
	}
	m, operations := w.model, 0.0
	all := append(append(layers.State{}, m.Query.State...), w.State().Own...)
	layers.MultiplyAdds(all, func(n int) {
		if m.Clock.Phase() == methods.Key {
			operations += 2 * float64(n)
		} else {
			operations += 3 * 2 * float64(n)
		}
	}, func() { out = w.Method.Forward(b) })
	w.perImage = operations/float64(b.Len()) + w.products(out.Negatives)
	return out
}

// products returns the number of operations between an image's queries and their
// negatives.
func (w *Work) products(negatives int) float64 {
	if len(w.State().Contrast) == 0 {
		return 0
	}
	queries := w.model.Query.Branches()
	if w.model.Net.Jigsaw {
		queries *= 2
	}
	if w.model.Symmetric {
		queries *= 2
	}
	return 2 * 2 * float64(queries) * float64(negatives) * float64(w.model.Net.FeatDim)
}
