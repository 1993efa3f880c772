package contrast

import "contralens/torch"

// Similarity is the loss of methods without negatives (SimSiam, Chen & He, 2021;
// BYOL, Grill et al., 2020):
//
//	loss = -1/N Σ_i p'_i·z'_i
//
// p are predictions and z their targets, unit rows [N, d]. z is constant: the gradient
// stops there. Only the positive side of the feature transformation applies. It panics
// if draw mixes negatives, because there are none.
// Accuracy, Scores and Statistics compare each prediction with the other targets of the
// batch, which are not part of the loss.
func Similarity(p, z *torch.Tensor, draw Draw, o Options) *Output {
	if draw.Negative != nil {
		panic(&torch.Error{Op: "similarity", Message: "there are no negatives to interpolate"})
	}
	out := &Output{}
	out.Loss = torch.Scoped1(func() *torch.Tensor {
		z := z.Detach()
		if o.Bound > 0 {
			d := p.Detach()
			out.Statistics = observe(d, z, draw, o, func(raw *Distribution) {
				raw.describe(d.Mm(z.T()).Gather(1, offDiagonal(d, o)), o)
			})
		}
		return out.measured(p, draw, o, func(p *torch.Tensor) *torch.Tensor {
			return torch.Scoped1(func() *torch.Tensor {
				p, z := draw.positives(p, z)
				pos := p.Mul(z).SumDim([]int{1}, true)
				torch.NoGrad(func() {
					neg := p.Detach().Mm(z.Detach().T()).Gather(1, offDiagonal(p, o))
					softmax(out, pos.Detach(), neg, torch.EmptyLike(neg), o)
				})
				mean := pos.Mean().Neg()
				out.value(mean, o)
				return mean
			})
		})
	})
	return out
}
