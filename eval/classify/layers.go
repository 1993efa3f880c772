package classify

import (
	"math"

	"contralens/nn"
	"contralens/torch"
)

// Layers prepares an encoder for training its last stages (see nn.Model.TrainLast). It
// returns the trained parameters and the factors of their learning rates: decay for the
// last stage, decay² for the one before, and so on.
func Layers(m *nn.Model, last int, decay float64) (parameters []*torch.Tensor, scales []float64) {
	m.TrainLast(last)
	stages := m.StageCount()
	for _, e := range m.State {
		if !e.Buffer && e.Stage < stages && e.Stage >= stages-last {
			parameters = append(parameters, e.Tensor)
			scales = append(scales, math.Pow(decay, float64(stages-e.Stage)))
		}
	}
	return parameters, scales
}

// Statistics returns the running statistics of an encoder's last stages.
func Statistics(m *nn.Model, last int) (s nn.State) {
	stages := m.StageCount()
	for _, e := range m.State {
		if e.Buffer && e.Stage < stages && e.Stage >= stages-last {
			s = append(s, e)
		}
	}
	return s
}
