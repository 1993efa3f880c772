package methods

import (
	"fmt"
	"math"
	"slices"

	"contralens/nn"
	"contralens/nn/layers"
	"contralens/torch"
)

// NotFinite is the error of a step whose loss or gradients are NaN or infinite. The
// weights are still those from before the step.
type NotFinite struct {
	What  string // the loss, or a gradient
	Where string // where the first such value was found
}

func (e *NotFinite) Error() string {
	return fmt.Sprintf("%s became NaN or infinite, first in %s", e.What, e.Where)
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// allFinite checks every value. torch.AllFinite only checks their sum.
func allFinite(t *torch.Tensor) (ok bool) {
	torch.NoGrad(func() {
		torch.Scoped(func() { ok = t.IsFinite().To(torch.Float64).Sum().Item() == float64(t.Numel()) })
	})
	return ok
}

// findForward finds the origin of a loss that is not finite: the images, the weights,
// the first layer whose output is not finite, the method's memory, or the embeddings of
// another process. It runs the encoders once more.
func (m *Model) findForward(b *Batch) *NotFinite {
	e := &NotFinite{What: "the loss", Where: "the scores"}
	encoders := []struct {
		name  string
		model *nn.Model
	}{{"the query encoder", m.Query}, {"the key encoder", m.Key}}
	torch.NoGrad(func() {
		for i, view := range b.Crops {
			if !allFinite(view) {
				e.Where = fmt.Sprintf("crop %d of the images", i+1)
				return
			}
			for _, encoder := range encoders {
				if encoder.model == nil {
					continue
				}
				if layer := m.firstLayer(encoder.model, view); layer != "" {
					e.Where = layer + " of " + encoder.name
					return
				}
			}
		}
		for _, entry := range m.Method.State().Contrast {
			if !allFinite(entry.Tensor) {
				e.Where = "contrast." + entry.Name
				return
			}
		}
		if rank := m.gathering.notFinite(); rank >= 0 {
			e.Where = fmt.Sprintf("the embeddings of rank %d, which knows more", rank)
		}
	})
	return e
}

// notFinite returns the first process with an embedding that is not finite, or -1.
func (x *gathering) notFinite() int {
	if x == nil {
		return -1
	}
	for _, e := range x.ends {
		perImage, first := e.all.Size(0)/x.n, 0
		for rank, images := range x.rows {
			if n := images * perImage; n > 0 && !allFinite(e.all.Narrow(0, first, n)) {
				return rank
			}
			first += images * perImage
		}
	}
	return -1
}

// findGradient finds the parameter nearest the loss whose gradient is not finite.
func (m *Model) findGradient() *NotFinite {
	e := &NotFinite{What: "a gradient", Where: "the sum of all gradients"}
	var names []string
	for _, entry := range slices.Concat(m.Query.State, m.Method.State().Own) {
		if !entry.Buffer {
			names = append(names, entry.Name)
		}
	}
	torch.Scoped(func() {
		for i := len(names) - 1; i >= 0; i-- {
			if g := m.Optimizer.Parameters[i].Grad(); g != nil && !allFinite(g) {
				e.Where = names[i]
				return
			}
		}
	})
	return e
}

// repeatGradient computes the gradients of a batch once more, because those of the step are
// gone, and finds the parameter as findGradient does.
func (m *Model) repeatGradient(b *Batch) (e *NotFinite) {
	again := Batch{Crops: b.Crops, Patches: b.Patches, Images: b.Images, Size: b.Size, Random: b.Random}
	torch.Scoped(func() {
		defer m.meet(&again)()
		defer m.Query.Tape.Drop()
		m.Backward(m.Method.Forward(&again).Loss)
		e = m.findGradient()
		torch.TakeGrads(m.Optimizer.Parameters)
	})
	return e
}

// firstLayer returns the first layer of a network whose weights or output are not
// finite, or "".
func (m *Model) firstLayer(model *nn.Model, view *torch.Tensor) (layer string) {
	for _, e := range model.State {
		if !e.Buffer && !allFinite(e.Tensor) {
			return e.Name
		}
	}
	layers.Observe(func(name string, y *torch.Tensor) {
		if layer == "" && !allFinite(y) {
			layer = name
		}
	}, func() {
		torch.Scoped(func() {
			m.embed(view, 1, func(x *torch.Tensor, _ rows) *torch.Tensor { return model.Forward(x) })
		})
	})
	return layer
}
