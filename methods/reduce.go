package methods

import (
	"slices"

	"contralens/peers"
	"contralens/torch"
)

// reduce propagates the gradients that the loss left at the leaves where embeddings were gathered to
// the weights, and sums them over all processes.
//
// The reducer takes the mean of the processes' gradients. Each has the part of its own images
// in the gradient of the whole batch's loss, so the sum is wanted: gradients are multiplied by
// the number of processes first. A parameter must get its gradient once, so all graphs go
// backward at once. If pieces of them lie on the tape, or there are none, processes sum up
// their own first.
func (m *Model) reduce() {
	var roots, gradients []*torch.Tensor
	own := m.own(m.gathering.n, 1)
	for _, e := range m.gathering.ends {
		g := e.all.Grad()
		if g == nil || own.count == 0 || !e.own.RequiresGrad() {
			continue // the loss does not depend on it
		}
		roots = append(roots, e.own)
		gradients = append(gradients, g.Narrow(0, own.first, own.count).MulScalar(float64(m.World.Size)))
	}
	m.startReducer()
	if len(roots) == 0 || m.Query.Tape.Records() {
		for i, root := range roots {
			root.BackwardFrom(gradients[i])
		}
		m.Query.Tape.Backward(m.autocast)
		m.waiting(m.reducer.Reduce)
	} else {
		m.reducer.Backward(roots, gradients)
	}
	// What lies above the embeddings has the gradients of the whole batch. They are those of one
	// process, so that processors that round otherwise do not drift apart.
	var above []*torch.Tensor
	for _, g := range torch.Grads(m.Method.State().Own.Parameters()) {
		if g != nil {
			above = append(above, g)
		}
	}
	if len(above) > 0 {
		m.waiting(func() { m.Group.Broadcast(0, above...) })
	}
}

// startReducer makes the reducer before the first backward pass.
func (m *Model) startReducer() {
	if m.reducer != nil {
		return
	}
	var err error
	if m.reducer, err = m.NewReducer(m.Query.State.Parameters(), m.Layout); err != nil {
		panic(&torch.Error{Op: "reduce", Message: err.Error()})
	}
}

// BucketLayout returns the parameters of each bucket of gradients, which a checkpoint stores;
// nil before the first step, and in one process.
func (m *Model) BucketLayout() [][]int {
	if m.reducer == nil {
		return m.Layout
	}
	return m.reducer.Layout()
}

// average makes the running statistics of batch norm the mean over all groups of the batch, as
// in one process that has all groups.
func (m *Model) average() {
	x := m.gathering
	if x == nil {
		return
	}
	own, all := m.World.Groups(x.n, m.Groups)
	entries := m.Query.State
	if m.Key != nil {
		entries = slices.Concat(entries, m.Key.State)
	}
	m.waiting(func() {
		peers.AverageStatistics(m.Group, entries, float64(own)/float64(all), slices.Max(x.rows) != slices.Min(x.rows))
	})
}
