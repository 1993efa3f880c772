package methods

import (
	"math"

	"contralens/scores/vitals"
	"contralens/torch"
)

// watched are the embeddings of a step whose vitals are collected: of the first view by the query
// encoder, and of the first keys, in the order of the batch. nil: not seen.
type watched struct{ q, k *torch.Tensor }

// watch begins a step; the result ends it.
func (m *Model) watch(b *Batch) (done func()) {
	if b.Collect.Vitals {
		m.watched = &watched{}
	}
	return func() { m.watched = nil }
}

// sawQuery and sawKeys note embeddings [N, d] of a step that is watched.
func (m *Model) sawQuery(z []*torch.Tensor) {
	if w := m.watched; w != nil && w.q == nil {
		w.q = z[0].Detach()
	}
}

func (m *Model) sawKeys(z []*torch.Tensor) {
	if w := m.watched; w != nil && w.k == nil {
		w.k = z[0].Detach()
	}
}

// examine measures the vitals of a watched step, gradients left out. They are set with the figures.
func (m *Model) examine(b *Batch, out *Outcome) {
	if m.watched == nil {
		return
	}
	out.Vitals = map[string]float64{}
	torch.NoGrad(func() {
		torch.Scoped(func() {
			if len(b.Crops) > 0 {
				examineViews(b, out.Vitals)
			}
			examineEmbeddings(m.watched.q, b.Readback, out.Vitals)
			if groups := m.Net.Groups; groups > 1 && m.gathering == nil {
				examineGroups(m.watched, groups, b.Readback, out.Vitals)
			}
			m.examineWeights(b.Readback, out.Vitals)
		})
	})
}

// examineViews measures the pixels of the first two crops.
func examineViews(b *Batch, v map[string]float64) {
	a := b.Crops[0].To(torch.Float32)
	n := a.Size(0)
	variance, mean := a.VarMean([]int{2, 3}, false, false) // [N, 3]
	b.Readback.Values(variance.MeanDim([]int{1}, false), func(all []float64) {
		sum, flat := 0.0, 0.0
		for _, x := range all {
			sum += math.Sqrt(x)
			if x < vitals.FlatBelow*vitals.FlatBelow {
				flat++
			}
		}
		v[vitals.ViewDeviation], v[vitals.ViewFlat] = sum/float64(n), flat/float64(n)
	})
	between, color := mean.VarMean([]int{0}, false, false)
	b.Readback.Values(torch.Cat([]*torch.Tensor{between.Sum().View(1), color}, 0), func(x []float64) {
		v[vitals.ColorBetween], v[vitals.ColorRed], v[vitals.ColorGreen], v[vitals.ColorBlue] = x[0], x[1], x[2], x[3]
	})
	if len(b.Crops) < 2 || n < 2 {
		return
	}
	few := min(n, 64)
	x, y := a.Narrow(0, 0, few), b.Crops[1].To(torch.Float32).Narrow(0, 0, few)
	other := torch.Cat([]*torch.Tensor{y.Narrow(0, 1, few-1), y.Narrow(0, 0, 1)}, 0)
	square := func(y *torch.Tensor) *torch.Tensor { return x.Sub(y).Pow(2).MeanDim([]int{1, 2, 3}, false) }
	b.Readback.Values(torch.Cat([]*torch.Tensor{square(y), square(other)}, 0), func(d []float64) {
		same, different, equal := 0.0, 0.0, 0.0
		for i := range few {
			same, different = same+d[i], different+d[few+i]
		}
		for i := range few {
			if d[i] < 0.05*different/float64(few) {
				equal++
			}
		}
		v[vitals.ViewRatio], v[vitals.ViewEqual] = same/different, equal/float64(few)
	})
}

// examineEmbeddings measures how queries [N, d] spread.
func examineEmbeddings(q *torch.Tensor, r *torch.Readback, v map[string]float64) {
	if q == nil || q.Size(0) < 2 {
		return
	}
	q = q.To(torch.Float32)
	n, d := q.Size(0), q.Size(1)
	z := q.Normalize(1)
	c := z.Sub(z.MeanDim([]int{0}, true))
	product := c.T().Mm(c) // of as few rows as there can be; the norm of both is the same
	if n < d {
		product = c.Mm(c.T())
	}
	figures := []*torch.Tensor{
		c.Pow(2).Sum().View(1), product.Pow(2).Sum().View(1), q.NormDim([]int{1}, false).Mean().View(1),
	}
	r.Values(torch.Cat(figures, 0), func(x []float64) {
		v[vitals.Spread] = x[0] / float64(n)
		v[vitals.Dims] = x[0] * x[0] / x[1]
		v[vitals.EmbeddingNorm] = x[2]
	})
}

// examineGroups compares the scores of queries and keys of other images that pass batch norm in the same
// group with those of different groups.
func examineGroups(w *watched, groups int, r *torch.Readback, v map[string]float64) {
	if w.q == nil || w.k == nil || w.q.Size(0)%groups != 0 || w.q.Size(0) < 2*groups {
		return
	}
	n := w.q.Size(0)
	each := n / groups
	s := w.q.To(torch.Float32).Normalize(1).Mm(w.k.To(torch.Float32).Normalize(1).T()) // [N, N]
	own := s.Diagonal(0, 1)
	blocks := s.View(groups, each, groups, each).SumDim([]int{1, 3}, false).Diagonal(0, 1)
	figures := []*torch.Tensor{s.Sum(), s.Pow(2).Sum(), own.Sum(), own.Pow(2).Sum(), blocks.Sum()}
	for i, f := range figures {
		figures[i] = f.View(1)
	}
	r.Values(torch.Cat(figures, 0), func(x []float64) {
		total, squares := x[0]-x[2], x[1]-x[3] // without the positives
		pairs := float64(n*n - n)
		same := float64(n * (each - 1))
		mean := total / pairs
		deviation := math.Sqrt(max(0, squares/pairs-mean*mean))
		v[vitals.GroupGap] = ((x[4]-x[2])/same - (total-(x[4]-x[2]))/(pairs-same)) / deviation
	})
}

// flat returns the values of tensors of the encoder one after the other, [n] float32: a norm of all then
// takes a few kernels on a GPU, not some for each tensor. Values of one are in the order in which the
// encoder's format has them, so that they need no copy of their own.
func (m *Model) flat(tensors []*torch.Tensor) *torch.Tensor {
	var all []*torch.Tensor
	for _, t := range tensors {
		if t = t.To(torch.Float32); t.Dim() == 4 && m.Query.Config.Format == torch.ChannelsLast {
			t = t.Permute(0, 2, 3, 1)
		}
		all = append(all, t.Reshape(-1))
	}
	return torch.Cat(all, 0)
}

// norm is the norm of x, as a tensor of one element.
func norm(x *torch.Tensor) *torch.Tensor { return x.Norm().View(1) }

// examineWeights measures the weights before the update.
func (m *Model) examineWeights(r *torch.Readback, v map[string]float64) {
	query := m.flat(m.Query.State.Parameters())
	if m.Key == nil {
		r.Value(norm(query), func(x float64) { v[vitals.QueryNorm] = x })
		return
	}
	key := m.flat(m.Key.State.Parameters())
	norms := []*torch.Tensor{norm(query), norm(key), norm(key.Sub_(query))}
	r.Values(torch.Cat(norms, 0), func(x []float64) {
		v[vitals.QueryNorm], v[vitals.KeyNorm], v[vitals.KeyDistance] = x[0], x[1], x[2]/x[0]
	})
}

// examineGradient measures the gradient, which the update takes. A scaled loss has none that is known.
func (m *Model) examineGradient(b *Batch, out *Outcome) {
	if m.watched == nil || m.Optimizer.Scale != nil {
		return
	}
	v := out.Vitals
	torch.NoGrad(func() {
		torch.Scoped(func() {
			var all []*torch.Tensor
			for _, p := range m.Optimizer.Parameters {
				if g := p.Grad(); g != nil {
					all = append(all, g)
				}
			}
			if len(all) > 0 {
				b.Readback.Value(norm(m.flat(all)), func(x float64) { v[vitals.Gradient] = x })
			}
		})
	})
}
