package methods

import (
	"fmt"
	"math"
	"testing"

	"contralens/contrast"
	"contralens/internal/golden"
	"contralens/internal/numeric"
	"contralens/nn"
	"contralens/torch"
)

// movement is the largest change of a golden step's numbers under noise of 1e-6 on the
// weights before the first step.
type movement struct {
	loss, memory float64
	weights      float64                        // the norm that moves most, relative
	scores       [contrast.ScoreColumns]float64 // by column
	buffers      map[string]float64             // norms, by bufferName
}

func bufferName(encoder, name string) string { return encoder + " buffers " + name }

// moved measures the movement of each step of a case. The reference has recorded only
// that of losses and of the norms of weights and gradients (its "sensitivity"). Weights
// must not move by more than ten times the reference's movement, so that a mistake that
// makes steps less stable does not widen its own bound. A loss shows less: it is a
// single number, which noise may hardly change.
func moved(t *testing.T, c *golden.Case, tc trainCase) []movement {
	t.Helper()
	const draws = 2
	all := make([]movement, len(tc.Steps))
	plain := make([]observation, len(tc.Steps))
	for noiseSeed := range uint64(draws + 1) {
		torch.Scoped(func() {
			m := started(t, c, tc, noiseSeed)
			defer m.Free()
			for s := range tc.Steps {
				out, err := m.Step(batchOf(c, tc, s, m.Method.Crops()), tc.Params.LR)
				if err != nil {
					t.Fatal(err)
				}
				seen := observe(m, out)
				if noiseSeed == 0 {
					plain[s], all[s].buffers = seen, map[string]float64{}
				}
				all[s].widen(seen, plain[s])
			}
		})
	}
	for s, of := range all {
		what := fmt.Sprintf("weights' movement by noise in step %d", s)
		numeric.Near(t, what, of.weights, 0, 10*tc.Sensitivity[s].Model+5e-5)
	}
	return all
}

// observation has the numbers whose movement is measured.
type observation struct {
	loss             float64
	scores, memory   []float32
	weights, buffers map[string]float64 // norms
}

func observe(m *Model, out Outcome) observation {
	o := observation{out.Value, out.Scores, m.Method.State().Contrast[0].Tensor.Float32s(), map[string]float64{}, map[string]float64{}}
	for encoder, n := range map[string]*nn.Model{"model": m.Query, "ema": m.Key} {
		if n == nil {
			continue
		}
		for _, e := range n.State {
			norm := e.Tensor.Detach().To(torch.Float64).Norm().Item()
			if e.Buffer {
				o.buffers[bufferName(encoder, e.Name)] = norm
			} else if encoder == "model" {
				o.weights[e.Name] = norm
			}
		}
	}
	return o
}

func (m *movement) widen(seen, plain observation) {
	m.loss = max(m.loss, math.Abs(seen.loss-plain.loss))
	for i, v := range seen.scores {
		column := &m.scores[i%contrast.ScoreColumns]
		*column = max(*column, math.Abs(float64(v-plain.scores[i])))
	}
	_, off := numeric.Worst(seen.memory, plain.memory)
	m.memory = max(m.memory, off)
	top := 0.0
	for _, norm := range plain.weights {
		top = max(top, norm)
	}
	for name, norm := range plain.weights {
		m.weights = max(m.weights, math.Abs(seen.weights[name]-norm)/max(norm, 0.01*top))
	}
	for name, norm := range seen.buffers {
		m.buffers[name] = max(m.buffers[name], math.Abs(norm-plain.buffers[name]))
	}
}
