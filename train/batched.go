package train

import "contralens/contrast"

// batched contrasts two views within the batch, in both directions: SimCLR (Chen
// et al., 2020). With CMC each modality of a view meets the other modality of the
// other view.
type batched struct{ model *Model }

func newBatched(m *Model) (Method, error) { return &batched{m}, nil }

func (*batched) Crops() int     { return 2 }
func (*batched) Memory() Memory { return Memory{} }
func (*batched) Free()          {}

func (k *batched) Forward(b *Batch) (sum Outcome) {
	m := k.model
	u, v := m.Embed(b.Crops[0]), m.Embed(b.Crops[1])
	for i := range u {
		a, z := u[i], v[len(v)-1-i]
		draw := b.Random.Draw(2*a.Size(0), 2*a.Size(0), a.Size(1))
		sum.add(contrast.NTXent(a, z, draw, m.ContrastOptions(b, draw)), 1, len(u))
	}
	return sum
}
