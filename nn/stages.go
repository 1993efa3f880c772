package nn

import "contralens/nn/layers"

// StageCount returns the number of the encoder's stages: 5 for a ResNet, the stem and
// layer1 … layer4. An Entry of State has its stage, counted from 0; the heads are stage
// StageCount.
func (m *Model) StageCount() int { return len(m.branches[0].encoder.Dims()) }

// Train sets whether batch norm uses the batch's statistics and updates the running
// ones, or uses the running ones.
func (m *Model) Train(on bool) { m.modes.Set(func(int) bool { return on }) }

// TrainLast prepares the encoder for training its last n stages. The earlier stages and
// the heads get no gradients, and their batch norm uses the running statistics, which
// do not change.
func (m *Model) TrainLast(n int) {
	stages := m.StageCount()
	trained := func(stage int) bool { return stage < stages && stage >= stages-n }
	m.modes.Set(trained)
	for _, e := range m.State {
		if !e.Buffer {
			e.Tensor.SetRequiresGrad(trained(e.Stage))
		}
	}
}

// NormalizeTogether makes every batch norm in training one of several processes; nil ends that.
func (m *Model) NormalizeTogether(t layers.Together) { m.modes.Together(t) }

// SplitNorms makes every batch norm in training split its batches into groups with statistics of
// their own, in place of the Config's number.
func (m *Model) SplitNorms(groups int) { m.modes.Groups(groups) }

// Evaluating runs f with all batch norms on their running statistics, which do not
// change.
func (m *Model) Evaluating(f func()) { m.modes.Evaluating(f) }
