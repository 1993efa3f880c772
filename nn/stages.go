package nn

// StageCount is the number of the encoder's stages: 5 of a ResNet's, the stem and layer1 …
// layer4. An Entry of State has its stage, counted from 0; the heads are stage StageCount.
func (m *Model) StageCount() int { return len(m.branches[0].encoder.Dims()) }

// Train sets whether batch norm uses the batch's statistics (and moves its
// running ones) or the running ones.
func (m *Model) Train(on bool) { m.modes.Set(func(int) bool { return on }) }

// TrainLast readies the encoder for training its last n stages. The stages before them
// and the heads take no gradients, and their batch norm uses the running statistics,
// which stay as they are.
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

// Evaluating runs f with all of batch norm on its running statistics, which stay as they
// are.
func (m *Model) Evaluating(f func()) { m.modes.Evaluating(f) }
