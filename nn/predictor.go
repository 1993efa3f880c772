package nn

import (
	"math/rand/v2"

	"contralens/torch"
)

// Predictor guesses one view's embedding from the other's, [N, d] to [N, d]:
// Linear(d, h), BN, ReLU, Linear(h, d), unit length. It is what keeps methods
// without negatives from collapsing (SimSiam, Chen & He, 2021, with h = d/4; BYOL,
// Grill et al., 2020, with the h of its projection, which is that of the features).
type Predictor struct {
	State  State
	hidden *head
	train  bool
}

// NewPredictor builds a predictor with freshly drawn weights, its tensors named
// predictor.0.weight and so on. Free its State when done.
func NewPredictor(d, hidden int, seed uint64, device torch.Device) *Predictor {
	p := &Predictor{train: true}
	torch.Scoped(func() {
		b := builder{state: &p.State, rng: rand.New(rand.NewPCG(seed, 0x70726564)), device: device, train: &p.train}.at("predictor")
		layer := hiddenLayer{linear: b.linear("0", d, hidden), norm: b.batchNorm("1", hidden)}
		p.hidden = &head{hidden: []hiddenLayer{layer}, out: b.linear("3", hidden, d), normalize: true}
	})
	return p
}

// Forward maps embeddings [N, d] to predictions [N, d] of unit length.
func (p *Predictor) Forward(z *torch.Tensor) *torch.Tensor { return p.hidden.Forward(z) }
