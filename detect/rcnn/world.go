package rcnn

import (
	"strings"

	"contralens/nn/layers"
	"contralens/torch"
)

// Group is how the processes of a world compute the norms of a batch that they share. All of
// them call the same methods in the same order. The groups of package torch/dist are some.
type Group interface {
	layers.Together
	// AllReduceSum replaces each tensor by its sum over all processes.
	AllReduceSum(ts ...*torch.Tensor)
}

// Join makes the model that of one of several processes, which have the same weights and share
// each batch. together says that norms in training use the statistics of all images (SyncBN);
// otherwise each process normalizes its own, and PreciseNorms still measures all.
//
// Losses are means over the own images and regions, as in Detectron2, whose processes then take
// the mean of their gradients.
func (m *Model) Join(g Group, together bool) {
	m.group, m.together = g, together
	if together {
		m.modes.Together(g)
	}
}

// Statistics returns the running statistics of the norms that are not constants.
func (m *Model) Statistics() (all []*torch.Tensor) {
	m.eachNorm(func(_ string, mean, variance *torch.Tensor) { all = append(all, mean, variance) })
	return all
}

// nothing is 0 as a function of trained parameters, which get gradients of 0, so that the
// optimizer treats them as in other steps.
func (m *Model) nothing(of func(name string) bool) *torch.Tensor {
	var zero *torch.Tensor
	for _, e := range m.Trained() {
		if of(e.Name) {
			if z := e.Tensor.Sum().MulScalar(0); zero == nil {
				zero = z
			} else {
				zero = zero.Add(z)
			}
		}
	}
	return zero
}

// isHead reports whether a tensor of that name belongs to the heads of regions.
func isHead(name string) bool { return strings.HasPrefix(name, "roi_heads.") }

// noRegions are the losses of a batch without a region. In norms that several processes compute
// together, this one takes part with no rows.
func (m *Model) noRegions(l *Losses, maps []*torch.Tensor) {
	l.Class, l.Box = m.nothing(isHead), l.RPNClass.MulScalar(0)
	l.Classified = torch.Zeros([]int{3}, torch.Options{Device: m.Options.Device})
	if m.mask != nil {
		l.Mask = l.RPNClass.MulScalar(0)
	}
	if !m.together {
		return
	}
	features := m.heads.regions(maps, nil)
	logits, deltas := m.heads.predict(features)
	l.Class = l.Class.Add(logits.Sum())
	l.Box = l.Box.Add(deltas.Sum())
	if m.mask != nil {
		l.Mask = l.Mask.Add(m.noMasks(maps, features))
	}
}

// noMasks is the loss of the masks of a batch whose regions have no object.
func (m *Model) noMasks(maps []*torch.Tensor, features *torch.Tensor) *torch.Tensor {
	zero := m.nothing(isMask)
	if m.together {
		zero = zero.Add(m.mask.forward(m.heads.maskFeatures(maps, nil, features, nil), nil).Sum())
	}
	return zero
}

// sum replaces the moments of norms by their sums over all processes.
func (m *Model) sum(all map[string]*moments) {
	var values []float64
	m.eachNorm(func(name string, mean, _ *torch.Tensor) {
		s := all[name]
		if s == nil {
			s = newMoments(mean.Numel())
			all[name] = s
		}
		values = append(append(append(values, s.values), s.mean...), s.square...)
	})
	torch.Scoped(func() {
		t := torch.FromFloat64(values, len(values))
		m.group.AllReduceSum(t)
		values = t.Float64s()
	})
	m.eachNorm(func(name string, mean, _ *torch.Tensor) {
		s, n := all[name], mean.Numel()
		s.values = values[0]
		copy(s.mean, values[1:])
		copy(s.square, values[1+n:])
		values = values[1+2*n:]
	})
}

// countAll replaces the numbers of values in norms by their sums over all processes, which
// computed their statistics together.
func (m *Model) countAll(values map[string]int) {
	var counts []int64
	m.eachNorm(func(name string, _, _ *torch.Tensor) { counts = append(counts, int64(values[name])) })
	torch.Scoped(func() {
		t := torch.FromInt64(counts, len(counts))
		m.group.AllReduceSum(t)
		counts = t.Int64s()
	})
	m.eachNorm(func(name string, _, _ *torch.Tensor) {
		values[name], counts = int(counts[0]), counts[1:]
	})
}
