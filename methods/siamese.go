package methods

import (
	"contralens/contrast"
	"contralens/internal/option"
	"contralens/nn/heads"
	"contralens/torch"
)

// siamese predicts each view's embedding from the other's, without negatives. Targets
// are the embeddings of the same encoder with stopped gradients (SimSiam, Chen & He,
// 2021), or those of a momentum encoder (BYOL, Grill et al., 2020).
type siamese struct {
	*Model
	predictor *heads.Predictor
}

func newSiamese(m *Model) (Method, error) {
	if m.Query.Branches() > 1 {
		return nil, &option.Error{Name: "modal", Want: "RGB with mem " + m.Memory + ", whose predictor takes one embedding",
			Got: "CMC"}
	}
	if m.Memory == "target" {
		if err := m.AddKey(); err != nil {
			return nil, err
		}
	}
	hidden := max(1, m.Net.FeatDim/4) // the bottleneck of SimSiam
	if m.Key != nil {
		hidden = m.Query.FeatureDim() // BYOL: as wide as the hidden layer of its projection
	}
	return &siamese{m, heads.NewPredictor(m.Net.FeatDim, hidden, m.Seed, m.Device())}, nil
}

// Crops is two.
func (*siamese) Crops() int { return 2 }

// KeyCrops are both crops, if there is a momentum encoder.
func (s *siamese) KeyCrops() []KeyCrop {
	if s.Key == nil {
		return nil
	}
	return []KeyCrop{{Crop: 0}, {Crop: 1, Draw: 1}}
}

// State returns the predictor.
func (s *siamese) State() State { return State{Own: s.predictor.State} }

// Free frees the predictor.
func (s *siamese) Free() { s.predictor.State.Free() }

// Forward adds the losses of both directions. Only the positive side of the feature
// transformation applies: predictions and their targets are pushed apart.
func (s *siamese) Forward(b *Batch) (sum Outcome) {
	u, v := s.standardized(s.Embed(b.Crops[0])[0]), s.standardized(s.Embed(b.Crops[1])[0])
	targetU, targetV := u, v // SimSiam: the same embeddings, without gradients
	if s.Key != nil {
		keysU, _, _ := s.Keys(b.Crops[0], b.Random)
		keysV, _, _ := s.Keys(b.Crops[1], b.Random)
		targetU, targetV = keysU[0], keysV[0]
		sum.AfterStep = s.UpdateKey
	}
	for _, pair := range [][2]*torch.Tensor{{u, targetV}, {v, targetU}} {
		p, z := s.predictor.Forward(pair[0]), pair[1].Normalize(1)
		ft := b.Random.Transform(p.Size(0), 0, p.Size(1)) // λ of the positives
		sum.add(contrast.Similarity(p, z, ft, s.ContrastOptions(b)), 0.5, 2, b.Readback)
	}
	return sum
}

// standardized gives each dimension of SimSiam's embeddings z [N, d] mean 0 and
// variance 1 over the batch, and then each row unit length again. It is the batch norm
// without weights at the end of SimSiam's projection. It removes what all images have
// in common, which at first is nearly everything, from the prediction target. BYOL's
// projection has no such layer.
func (s *siamese) standardized(z *torch.Tensor) *torch.Tensor {
	if s.Key != nil {
		return z
	}
	return torch.Scoped1(func() *torch.Tensor {
		variance, mean := z.VarMean([]int{0}, false, true)
		return z.Sub(mean).Div(variance.AddScalar(1e-5).Sqrt()).Normalize(1)
	})
}
