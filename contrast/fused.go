package contrast

import (
	"math"

	"contralens/torch"
)

// InfoNCE computes what InfoNCEPlain does, with a gradient written by hand. On the CPU a
// queue is read once, in blocks (see streamed). Sampled negatives, and all negatives on
// other devices, go through a matrix of scores (see derivative).
func InfoNCE(q, k *torch.Tensor, negatives Negatives, draw Draw, o Options) *Output {
	out := &Output{Negatives: negatives.Len()}
	o = o.complete()
	out.Loss = torch.Scoped1(func() *torch.Tensor {
		k := k.Detach()
		if o.Bound > 0 {
			raw := q.Detach()
			out.Statistics = observe(raw, k, draw, o, func(d *Distribution) {
				if s, ok := streams(raw, negatives, o); ok {
					d.negatives(s.mix(Draw{}).Attend(raw, o.Temperature, false, counting(rawBound)), s.Len(), rawBound)
				} else {
					d.describe(negatives.scores(raw), o)
				}
			})
		}
		if o.Trace != nil {
			out.traceNegatives(q.Detach(), k, negatives, draw, o)
		}
		return out.measured(q, draw, o, func(q *torch.Tensor) *torch.Tensor {
			return torch.Scoped1(func() *torch.Tensor {
				q, k := draw.positives(q, k)
				var value, dq, dk *torch.Tensor
				s, streaming := streams(q, negatives, o)
				switch {
				case streaming && o.Loss != nil:
					value, dq, dk = streamedLoss(out, q.Detach(), k.Detach(), s, draw, o)
				case streaming:
					torch.NoGrad(func() { value, dq, dk = streamed(out, q.Detach(), k.Detach(), s, draw, o) })
				default:
					value, dq, dk = derivative(out, q.Detach(), k.Detach(), negatives, draw, o)
				}
				return torch.CustomGrad(value, []*torch.Tensor{q, k}, []*torch.Tensor{dq, dk})
			})
		})
	})
	return out
}

// derivative fills out.Value, Accuracy, Scores and Statistics, and returns the loss, ∂loss/∂q'
// and ∂loss/∂k', the latter [N, d]. It needs two buffers of the size of the logits, three while a
// permutation is applied, and for sampled negatives a few blocks of gathered rows.
//
// With a scalar λ mixed negatives are never formed, since
//
//	q'·n'_i = λ q'·n_i + (1-λ) q'·n_π(i)
//
// is a permutation of scores already there. With p_i = softmax_i - [i positive]
// over the logits, the derivative of the loss with respect to the raw scores q'·n_j is
//
//	g_j = (λ p_j + (1-λ) p_π⁻¹(j)) / τN
//
// and so ∂loss/∂q' = g·n + p_pos k', ∂loss/∂k' = p_pos q'. An Options.Loss has other
// derivatives with respect to the scores (see slopes). q and k must not require gradients.
func derivative(
	out *Output, q, k *torch.Tensor, negatives Negatives, draw Draw, o Options,
) (value, dq, dk *torch.Tensor) {
	n := negatives
	scalar := draw.Negative != nil && draw.Negative.Elements == nil && !draw.NormalizeNegative
	if !scalar {
		n = n.mixed(draw)
	}
	a := n.scores(q) // [N, K], and the first logits-sized buffer
	b := a
	if scalar {
		λ := draw.Negative.Value
		b = a.IndexSelect(1, draw.Permutation)
		b.MulScalar_(1-λ).AddInto_(a, λ)
	}
	pos := q.Mul(k).SumDim([]int{1}, true)
	spare := a // the exponentials of b overwrite the raw scores
	if !scalar {
		spare = torch.EmptyLike(a)
	}
	var p, ppos *torch.Tensor
	size := float64(q.Size(0)) * o.Temperature
	more := o.synthesize(q, negatives, draw)
	var dmore *torch.Tensor
	if o.Loss != nil {
		value, ppos, p, dmore = slopes(out, pos, b, more.scores(), o)
		size = 1
	} else {
		value, p, ppos = softmax(out, pos, b, spare, o)
		out.value(value, o)
		ppos.AddScalar_(-1)
	}
	g := p
	if scalar {
		λ := draw.Negative.Value
		p.IndexSelectInto(b, 1, inverse(draw.Permutation))
		g = p.MulScalar_(λ).AddInto_(b, 1-λ)
	}
	g.MulScalar_(1 / size)
	ppos.MulScalar_(1 / size)
	dq = n.gradient(g).AddInto_(k.Mul(ppos), 1)
	if more != nil {
		dq.AddInto_(more.gradient(dmore), 1)
	}
	return value, dq, q.Mul(ppos)
}

// softmax computes the softmax over [pos, neg]/τ. It returns the loss, the negatives'
// shares, stored in spare [N, K], and the positive's share [N, 1]. Accuracy and score
// statistics go to out.
func softmax(out *Output, pos, neg, spare *torch.Tensor, o Options) (value, p, ppos *torch.Tensor) {
	τ := o.Temperature
	top := neg.Amax([]int{1}, true)
	out.accuracy(pos.Ge(top), o)
	var variance, mean *torch.Tensor
	switch {
	case o.Bound > 0:
		mean, variance = out.Statistics.transformed(pos, neg, o)
	case o.Scores:
		variance, mean = neg.VarMean([]int{1}, true, true)
	}
	shift := pos.Maximum(top) // the largest score: exponents stay ≤ 0
	p = neg.SubInto(spare, shift).MulScalar_(1 / τ).Exp_()
	sum := p.SumDim([]int{1}, true)
	epos := pos.Sub(shift).MulScalar_(1 / τ).Exp_()
	total := sum.Add(epos)
	value = total.Log().Sub_(pos.Sub(shift).MulScalar_(1 / τ)).Mean()
	if o.Bound > 0 {
		out.Statistics.shares(p, neg, sum, shift, o)
	}
	if o.Scores {
		scale := shift.MulScalar(1 / τ).Exp_()
		expNeg := sum.Mul(scale).MulScalar_(1 / float64(neg.Size(1)))
		out.rows(o, mean, variance, pos, expNeg, epos.Mul(scale))
	}
	return value, p.Div_(total), epos.Div(total)
}

// inverse is the permutation π⁻¹ of π, int64 [K].
func inverse(π *torch.Tensor) *torch.Tensor {
	k := π.Size(0)
	return torch.EmptyLike(π).IndexCopy_(0, π, torch.ArangeOn(k, π.Device()))
}

// Chance is ln(K+1), the loss if the positive can't be told from the K negatives.
func Chance(k int) float64 { return math.Log(float64(k) + 1) }
