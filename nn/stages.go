package nn

import (
	"fmt"
	"strings"
)

// Stages is the number of stages of an encoder: the stem, layer1 … layer4.
const Stages = 5

// Stage is the stage that an entry of the state dict belongs to: 0 the stem,
// 1 … 4 layer1 … layer4, Stages the projection head.
func Stage(name string) int {
	for i := 1; i < Stages; i++ {
		if strings.Contains(name, fmt.Sprintf(".layer%d.", i)) {
			return i
		}
	}
	if strings.HasPrefix(name, "head") {
		return Stages
	}
	return 0
}

// Train sets whether batch norm uses the batch's statistics (and moves its
// running ones) or the running ones.
func (m *Model) Train(on bool) {
	m.train = on
	m.setStages(func(int) bool { return on })
}

// TrainLast readies the encoder for training its last n stages: the stages
// before them, and the projection head, take no gradients, and their batch norm
// uses the running statistics, which stay as they are.
func (m *Model) TrainLast(n int) {
	m.train = false
	m.setStages(func(stage int) bool { return stage >= Stages-n })
	for _, e := range m.State {
		if s := Stage(e.Name); !e.Buffer {
			e.Tensor.SetRequiresGrad(s < Stages && s >= Stages-n)
		}
	}
}

// Evaluating runs f with all of batch norm on its running statistics, which
// stay as they are.
func (m *Model) Evaluating(f func()) {
	heads := m.train
	stages := m.branches[0].encoder.train // the same in every branch
	m.Train(false)
	defer func() {
		m.train = heads
		m.setStages(func(stage int) bool { return stages[stage] })
	}()
	f()
}

func (m *Model) setStages(on func(stage int) bool) {
	for _, br := range m.branches {
		for i := range br.encoder.train {
			br.encoder.train[i] = on(i)
		}
	}
}
