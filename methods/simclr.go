package methods

import "contralens/contrast"

// simclr contrasts two views within the batch, in both directions (Chen et al., 2020).
// With CMC, each modality of one view is contrasted with the other modality of the
// other view.
type simclr struct{ *Model }

func newSimCLR(m *Model) (Method, error) { return &simclr{m}, nil }

// Crops is two.
func (*simclr) Crops() int { return 2 }

// State is empty, because the negatives come from the batch.
func (*simclr) State() State { return State{} }

// Free does nothing.
func (*simclr) Free() {}

// Forward is NT-Xent. The feature transformation extrapolates the positives of both
// directions and mixes each negative with the same view of another image.
func (m *simclr) Forward(b *Batch) (sum Outcome) {
	u, v := m.Embed(b.Crops[0]), m.Embed(b.Crops[1])
	for i, u := range u {
		v := v[len(v)-1-i]
		ft := b.Random.Transform(2*b.Len(), 2*b.Len(), u.Size(1)) // λ of 2N queries and 2N negatives, π
		sum.add(contrast.NTXent(u, v, ft, m.ContrastOptions(b)), 1, m.Query.Branches(), b.Readback)
	}
	return sum
}
