// Package classify trains linear classifiers on an encoder: on its frozen features (the
// linear probe), together with the encoder (fine-tuning), or on features computed
// beforehand. All of them share one loop, [Trainer]. They differ in the [Source] of the
// batches and in the function from a batch to features. [Run] trains in a run
// directory, with tests, logs and checkpoints.
package classify

import (
	"math/rand/v2"

	"contralens/torch"
)

// Linear is a linear classifier: logits = x Wᵀ + b.
type Linear struct {
	Weight, Bias *torch.Tensor // [classes, D], [classes]
}

// NewLinear makes a classifier with weights drawn from N(0, 0.01²) and biases 0, as in
// the reference implementation. Free it when done.
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

// Logits returns the scores [N, classes] of features [N, D].
func (l *Linear) Logits(features *torch.Tensor) *torch.Tensor {
	return features.Linear(l.Weight, l.Bias)
}

// Classes returns the number of outputs.
func (l *Linear) Classes() int { return l.Weight.Size(0) }

// Parameters returns W and b, in the order of PyTorch's nn.Linear.
func (l *Linear) Parameters() []*torch.Tensor { return []*torch.Tensor{l.Weight, l.Bias} }

// Free frees the tensors.
func (l *Linear) Free() {
	l.Weight.Free()
	l.Bias.Free()
}

// TauNormalized returns the τ-normalized classifier of Kang et al. (ICLR 2020),
//
//	w_c ← w_c / ‖w_c‖^τ
//
// without bias, as theirs. It removes the length of a class's weights, and so the
// class's frequency in training, from the scores. τ = 0 keeps the weights.
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
