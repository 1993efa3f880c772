package methods

import (
	"contralens/contrast"
	"contralens/torch"
)

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
func (m *simclr) Forward(b *Batch) (out Outcome) {
	loss := func(_ int, u *torch.Tensor, b *Batch) keyLoss {
		ft := b.Random.Transform(2*b.Len(), 2*b.Len(), u.Size(1)) // λ of 2N queries and 2N negatives, π
		return func(v *torch.Tensor, o contrast.Options) *contrast.Output { return contrast.NTXent(u, v, ft, o) }
	}
	if m.Mixture.Kind == "imix" {
		return m.addMixed(out, b, b.Crops[0], m.Embed(b.Crops[1]), loss)
	}
	u, v := m.Embed(b.Crops[0]), m.Embed(b.Crops[1])
	return m.addMixed(m.contrastKeys(b, u, v, loss), b, b.Crops[0], v, loss)
}
