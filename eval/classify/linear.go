// Package classify trains linear classifiers on an encoder: on its frozen
// features (the linear probe), together with the encoder (fine-tuning), or on
// features computed beforehand. A [Trainer] is the one loop of all of them; what
// differs is the [Source] of the batches and what turns a batch into features.
package classify

import (
	"math/rand/v2"

	"contralens/torch"
)

// Linear is a linear classifier: logits = x Wᵀ + b.
type Linear struct {
	Weight, Bias *torch.Tensor // [classes, D], [classes]
}

// NewLinear draws weights N(0, 0.01²) and sets biases to 0, as the reference
// implementation does. Free it when done.
func NewLinear(classes, dim int, seed uint64, device torch.Device) *Linear {
	rng := rand.New(rand.NewPCG(seed, 0x6c696e656172))
	values := make([]float32, classes*dim)
	for i := range values {
		values[i] = float32(0.01 * rng.NormFloat64())
	}
	l := &Linear{}
	torch.Scoped(func() {
		l.Weight = torch.FromFloat32(values, classes, dim).ToDevice(device).Keep().SetRequiresGrad(true)
		l.Bias = torch.Zeros([]int{classes}).ToDevice(device).Keep().SetRequiresGrad(true)
	})
	return l
}

// Logits are the scores [N, classes] of features [N, D].
func (l *Linear) Logits(features *torch.Tensor) *torch.Tensor {
	return features.Linear(l.Weight, l.Bias)
}

// Classes is the number of outputs.
func (l *Linear) Classes() int { return l.Weight.Size(0) }

// Parameters are W and b, in the order of PyTorch's nn.Linear.
func (l *Linear) Parameters() []*torch.Tensor { return []*torch.Tensor{l.Weight, l.Bias} }

// Free drops the tensors.
func (l *Linear) Free() {
	l.Weight.Free()
	l.Bias.Free()
}

// TauNormalized is the τ-normalized classifier of Kang et al. (ICLR 2020), which
// takes the length of a class's weights, and so its frequency in training, out
// of its scores; like theirs without bias. τ = 0 leaves the weights as they are.
//
//	w_c ← w_c / ‖w_c‖^τ
func (l *Linear) TauNormalized(τ float64) *Linear {
	n := &Linear{}
	torch.NoGrad(func() {
		torch.Scoped(func() {
			n.Weight = l.Weight.Div(l.Weight.NormDim([]int{1}, true).Pow(τ)).Keep()
			n.Bias = torch.ZerosLike(l.Bias).Keep()
		})
	})
	return n
}
