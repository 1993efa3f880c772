// Package barlow adds Barlow Twins (Zbontar et al., 2021) to the methods, from outside.
// Import it to enable --method BarlowTwins. docs/extending.md explains it.
package barlow

import (
	"contralens/config"
	"contralens/contrast"
	"contralens/methods"
	"contralens/torch"
)

// offDiagonal is λ of the paper, the weight of the off-diagonal correlations.
const offDiagonal = 0.005

func init() {
	methods.Register("BarlowTwins",
		config.Preset{Modal: "RGB", Memory: "barlow", Aug: "B", Head: "mlp_bn", Temperature: 0.2},
		config.Memory{}, // no negatives to transform, no CMC, no jigsaw
		func(m *methods.Model) (methods.Method, error) { return barlow{m}, nil })
}

type barlow struct{ *methods.Model }

func (barlow) Crops() int           { return 2 }
func (barlow) State() methods.State { return methods.State{} }
func (barlow) Free()                {}

// Forward makes each dimension of the embedding agree between the two views, and different
// dimensions uncorrelated. C is the cross-correlation of the views over the batch:
//
//	loss = Σ_i (1 - C_ii)² + λ Σ_{i≠j} C_ij²
func (m barlow) Forward(b *methods.Batch) methods.Outcome {
	u, v := m.Embed(b.Crops[0])[0], m.Embed(b.Crops[1])[0]

	c := standardize(u).T().Mm(standardize(v)).DivScalar(float64(b.Len())) // [d, d]
	eye := torch.Eye(c.Size(0), torch.Options{Device: m.Device()})
	off := c.Square().Mul(eye.SubFrom(1)).Sum().MulScalar(offDiagonal)
	loss := c.Sub(eye).Square().Mul(eye).Sum().Add(off)

	// Scores, statistics and accuracy for the record: each view of an image is compared
	// with the other views of the batch.
	seen := contrast.Similarity(u.Detach(), v, contrast.Draw{}, m.ContrastOptions(b))
	seen.Loss = loss
	b.Readback.Value(loss, func(v float64) { seen.Value = v })
	return methods.Outcome{Output: seen}
}

// standardize gives each dimension of z [N, d] mean 0 and variance 1 over the batch.
func standardize(z *torch.Tensor) *torch.Tensor {
	variance, mean := z.VarMean([]int{0}, false, true)
	return z.Sub(mean).Div(variance.AddScalar(1e-5).Sqrt())
}
