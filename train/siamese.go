package train

import (
	"fmt"

	"contralens/contrast"
	"contralens/nn/heads"
	"contralens/torch"
)

// siamese predicts each view's embedding from the other's, without negatives.
// Targets are the same encoder's embeddings, through which no gradient flows
// (SimSiam, Chen & He, 2021), or those of a momentum encoder (BYOL, Grill et al.,
// 2020).
type siamese struct {
	model     *Model
	predictor *heads.Predictor
}

func newSiamese(m *Model) (Method, error) {
	if m.Query.Branches() > 1 {
		return nil, fmt.Errorf("--mem %s: want --modal RGB: a predictor needs one embedding", m.Memory)
	}
	if m.Memory == "target" {
		if err := m.AddKey(); err != nil {
			return nil, err
		}
	}
	hidden := max(1, m.Net.FeatDim/4) // SimSiam's bottleneck
	if m.Key != nil {
		hidden = m.Query.FeatureDim() // BYOL's is as wide as the hidden layer of its projection
	}
	return &siamese{m, heads.NewPredictor(m.Net.FeatDim, hidden, m.Seed, m.Device())}, nil
}

func (*siamese) Crops() int       { return 2 }
func (s *siamese) Memory() Memory { return Memory{Own: s.predictor.State} }
func (s *siamese) Free()          { s.predictor.State.Free() }

func (s *siamese) Forward(b *Batch) (sum Outcome) {
	m := s.model
	u, v := s.standardized(m.Embed(b.Crops[0])[0]), s.standardized(m.Embed(b.Crops[1])[0])
	targetU, targetV := u, v
	if m.Key != nil {
		target := func(view *torch.Tensor) *torch.Tensor {
			keys, _ := m.Keys(view, b.Random.Order(b.Len()))
			return keys[0]
		}
		targetU, targetV = target(b.Crops[0]), target(b.Crops[1])
		sum.Then = m.UpdateKey
	}
	for _, pair := range [][2]*torch.Tensor{{u, targetV}, {v, targetU}} {
		p, z := s.predictor.Forward(pair[0]), pair[1].Normalize(1)
		draw := b.Random.Draw(p.Size(0), 0, p.Size(1))
		sum.add(contrast.Similarity(p, z, draw, m.ContrastOptions(b, draw)), 0.5, 2)
	}
	return sum
}

// standardized gives each dimension of SimSiam's embeddings z [N, d] mean 0 and
// variance 1 over the batch and each row unit length again: the batch norm without
// weights in which its projection ends. What all images have in common, which at
// first is nearly everything, is then no part of what is predicted. BYOL's
// projection ends without one.
func (s *siamese) standardized(z *torch.Tensor) *torch.Tensor {
	if s.model.Key != nil {
		return z
	}
	return torch.Scoped1(func() *torch.Tensor {
		variance, mean := z.VarMean([]int{0}, false, true)
		return z.Sub(mean).Div(variance.AddScalar(1e-5).Sqrt()).Normalize(1)
	})
}
