// Package profile says what a training step costs on a machine: the time of its
// phases, its arithmetic against what the processor can do, its memory.
package profile

import (
	"contralens/nn/layers"
	"contralens/train"
)

// Work counts the floating-point operations of a step by looking at one.
type Work struct {
	train.Method
	model    *train.Model
	perImage float64
}

// Count makes a model's method count the operations of the first batch that it
// sees.
func Count(m *train.Model) *Work {
	w := &Work{Method: m.Method, model: m}
	m.Method = w
	return w
}

// PerImage is the number of operations an image, 0 before the first step. A
// multiply-add is two. Forward passes count once and, where gradients flow back
// through them, backward passes twice as much again; what is computed a second time
// to save memory counts once. Beside convolutions and linear layers there are the
// products of queries and the rows of a queue or bank, forward and backward.
func (w *Work) PerImage() float64 { return w.perImage }

// Forward is the method's.
func (w *Work) Forward(b *train.Batch) (out train.Outcome) {
	if w.perImage > 0 {
		return w.Method.Forward(b)
	}
	m, operations := w.model, 0.0
	all := append(append(layers.State{}, m.Query.State...), w.Memory().Own...)
	layers.MultiplyAdds(all, func(n int) {
		if m.Clock.Phase() == train.Key {
			operations += 2 * float64(n)
		} else {
			operations += 3 * 2 * float64(n)
		}
	}, func() { out = w.Method.Forward(b) })
	w.perImage = operations/float64(b.Len()) + w.products(out.Negatives)
	return out
}

// products are the operations between an image's queries and their negatives.
func (w *Work) products(negatives int) float64 {
	if len(w.Memory().Contrast) == 0 {
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
