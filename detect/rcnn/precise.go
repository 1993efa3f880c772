package rcnn

import (
	"fmt"
	"strings"

	"contralens/detect"
	"contralens/nn/layers"
	"contralens/torch"
)

// PreciseNorms replaces the running statistics of all trained norms by those of a number of
// training batches with the present weights (Wu & Johnson, 2021): of n_b values of a channel in
// batch b, with mean m_b and unbiased variance v_b,
//
//	mean = Σ n_b m_b / Σ n_b    variance = Σ n_b (m_b² + v_b (n_b-1)/n_b) / Σ n_b - mean²
//
// In a world, these are sums over all processes, which each have their share of every batch.
// next returns batch i and what its anchors and regions are drawn with. A norm that a batch
// does not use, such as those of a mask head without objects, skips it. An error of next or of
// Losses ends it, and leaves the statistics of the newest batch. The model is in training mode
// afterwards.
func (m *Model) PreciseNorms(batches int, next func(i int) (*detect.Batch, Draw, error)) error {
	m.Train(true)
	for _, mode := range m.modes {
		mode.Replace = true
	}
	defer func() {
		for _, mode := range m.modes {
			mode.Replace = false
		}
	}()
	moments := map[string]*moments{}
	for i := range batches {
		b, draw, err := next(i)
		if err != nil {
			return err
		}
		torch.NoGrad(func() {
			torch.Scoped(func() { err = m.observe(moments, b, draw) })
		})
		if err != nil {
			return fmt.Errorf("batch %d of the norms' statistics: %w", i, err)
		}
	}
	if m.group != nil && !m.together {
		m.sum(moments)
	}
	m.setNorms(moments)
	return nil
}

// moments are the sums of PreciseNorms for the channels of a norm.
type moments struct {
	values       float64   // Σ n_b
	mean, square []float64 // Σ n_b m_b and Σ n_b (m_b² + v_b (n_b-1)/n_b)
}

func newMoments(channels int) *moments {
	return &moments{mean: make([]float64, channels), square: make([]float64, channels)}
}

// observe adds the statistics of a batch, which a forward pass leaves in the norms.
func (m *Model) observe(sums map[string]*moments, b *detect.Batch, draw Draw) (err error) {
	values := map[string]int{} // of a channel, by norm
	layers.Observe(func(layer string, y *torch.Tensor) {
		if strings.HasSuffix(layer, ".norm") {
			values[layer] = y.Numel() / y.Size(1)
		}
	}, func() { _, err = m.Losses(b, draw) })
	if err != nil {
		return err
	}
	if m.together {
		m.countAll(values)
	}
	read := torch.NewReadback(m.Options.Device)
	m.eachNorm(func(name string, mean, variance *torch.Tensor) {
		n := float64(values[name])
		if n == 0 {
			return
		}
		s := sums[name]
		if s == nil {
			s = newMoments(mean.Numel())
			sums[name] = s
		}
		s.values += n
		var means []float64
		read.Values(mean, func(v []float64) { means = v })
		read.Values(variance, func(v []float64) {
			for c, mean := range means {
				s.mean[c] += n * mean
				s.square[c] += n*mean*mean + (n-1)*v[c]
			}
		})
	})
	read.Wait()
	return nil
}

// setNorms writes the statistics of all batches into the norms.
func (m *Model) setNorms(sums map[string]*moments) {
	torch.NoGrad(func() {
		torch.Scoped(func() {
			m.eachNorm(func(name string, mean, variance *torch.Tensor) {
				s := sums[name]
				if s == nil || s.values == 0 {
					return
				}
				for c := range s.mean {
					s.mean[c] /= s.values
					s.square[c] = max(0, s.square[c]/s.values-s.mean[c]*s.mean[c])
				}
				mean.Copy_(torch.FromFloat64(s.mean, len(s.mean)))
				variance.Copy_(torch.FromFloat64(s.square, len(s.square)))
			})
		})
	})
}

// eachNorm visits the running statistics of the norms that are not constants.
func (m *Model) eachNorm(visit func(name string, mean, variance *torch.Tensor)) {
	tensors := map[string]*torch.Tensor{}
	for _, e := range m.State {
		tensors[e.Name] = e.Tensor
	}
	for _, e := range m.State {
		name, found := strings.CutSuffix(e.Name, ".running_mean")
		if found && !m.constantNorms(e.Stage) {
			visit(name, e.Tensor, tensors[name+".running_var"])
		}
	}
}
