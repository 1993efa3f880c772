package heads

import (
	"math/rand/v2"

	"contralens/nn/layers"
	"contralens/torch"
)

// Predictor predicts one view's embedding from the other's, [N, d] to [N, d]: Linear(d,
// h), BN, ReLU, Linear(h, d), unit length. It keeps methods without negatives from
// collapsing. SimSiam (Chen & He, 2021) uses h = d/4. BYOL (Grill et al., 2020) uses
// the hidden size of its projection, which is the size of the features.
type Predictor struct {
	State layers.State
	head  *Head
}

// NewPredictor builds a predictor with initial weights drawn from seed. Its tensors are
// named predictor.0.weight and so on. Free its State when done.
func NewPredictor(d, hidden int, seed uint64, device torch.Device) *Predictor {
	p := &Predictor{head: &Head{normalize: true}}
	torch.Scoped(func() {
		b := layers.NewBuilder(layers.Options{Rand: rand.New(rand.NewPCG(seed, 0x70726564)), Device: device})
		at := b.At("predictor")
		p.head.hidden(at, 0, d, hidden, true)
		p.head.layers = append(p.head.layers, at.Linear("3", hidden, d))
		p.State = b.State()
	})
	return p
}

// Forward maps embeddings [N, d] to predictions [N, d] of unit length.
func (p *Predictor) Forward(z *torch.Tensor) *torch.Tensor { return p.head.Forward(z) }
