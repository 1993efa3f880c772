package contrast

import "contralens/torch"

// The paths of InfoNCE with an Options.Loss. Each makes the loss of a query from a few
// numbers, whose gradients autograd finds, and carries those on to scores or rows.

// complete sets the loss that synthetic negatives need.
func (o Options) complete() Options {
	if o.Synthesis != nil && o.Loss == nil {
		o.Loss = CrossEntropy{}
	}
	return o
}

// meanLoss is the loss of positive scores pos [N, 1], inverse = 1/τ and the sums L(b) that
// sum returns, given b/τ and the index of b. more [N, S] are scores of further negatives, or
// nil.
func (o Options) meanLoss(
	pos, inverse, more *torch.Tensor, count int, sum func(scale *torch.Tensor, i int) *torch.Tensor,
) *torch.Tensor {
	s := Sums{Positive: pos, Scaled: pos.Mul(inverse), Count: count + o.Synthesis.Len(), Temperature: o.Temperature}
	for i, b := range o.Loss.Exponents() {
		scale := inverse.MulScalar(b)
		l := sum(scale, i)
		if more != nil {
			l = torch.Cat([]*torch.Tensor{l, more.Mul(scale)}, 1).LogSumExp([]int{1}, true)
		}
		s.Negatives = append(s.Negatives, l)
	}
	return o.Loss.Rows(s).Mean()
}

// lossOf is the loss of scores pos [N, 1], neg [N, …], of which k are negatives, and more [N, S] or
// nil, by autograd.
func (o Options) lossOf(pos, neg, more *torch.Tensor, k int) *torch.Tensor {
	return o.meanLoss(pos, o.inverse(pos), more, k, func(scale *torch.Tensor, _ int) *torch.Tensor {
		return neg.Mul(scale).LogSumExp([]int{1}, true)
	})
}

// slopes returns the loss of scores pos [N, 1], neg [N, K] and more [N, S] or nil, and its
// gradients with respect to each. Value, accuracy and score statistics go to out.
func slopes(out *Output, pos, neg, more *torch.Tensor, o Options) (value, dpos, dneg, dmore *torch.Tensor) {
	softmax(out, pos, neg, torch.EmptyLike(neg), o) // for what it records
	neg = without(neg, o.own)
	out.Negatives = o.Loss.Chance(neg.Size(1) + o.Synthesis.Len())
	pos, neg = pos.Detach().SetRequiresGrad(true), neg.Detach().SetRequiresGrad(true)
	if more != nil {
		more = more.Detach().SetRequiresGrad(true)
	}
	value = o.lossOf(pos, neg, more, neg.Size(1))
	value.Backward()
	value = value.Detach()
	out.value(value, o)
	if more != nil {
		dmore = more.Grad()
	}
	return value, pos.Grad(), neg.Grad(), dmore
}

// streamedLoss is streamed with an Options.Loss: one pass over the queue for each b.
func streamedLoss(
	out *Output, q, k *torch.Tensor, n QueueNegatives, draw Draw, o Options,
) (value, dq, dk *torch.Tensor) {
	mixed, b := n.mix(draw), o.Loss.Exponents()
	pos := q.Mul(k).SumDim([]int{1}, true).To(torch.Float64).SetRequiresGrad(true)
	inverse := o.inverse(pos)
	passes, sums := make([]torch.Attention, len(b)), make([]*torch.Tensor, len(b))
	for i := range b {
		passes[i] = mixed.Attend(q, 1/(b[i]*inverse.Item()), true, torch.Counting{})
		sums[i] = torch.FromFloat64(passes[i].LogSum, q.Size(0), 1).SetRequiresGrad(true)
	}
	seen := passes[0]
	if o.Scores || o.Bound > 0 {
		seen = mixed.Attend(q, o.Temperature, false, counting(o.Bound))
	}
	out.attended(seen, pos.Detach().Float64s(), n.Len(), o)
	out.Negatives = o.Loss.Chance(n.Len() + o.Synthesis.Len())
	made := o.synthesize(q, n, draw)
	more := made.scores()
	if more != nil {
		more = more.To(torch.Float64).SetRequiresGrad(true)
	}
	value = o.meanLoss(pos, inverse, more, n.Len(), func(_ *torch.Tensor, i int) *torch.Tensor { return sums[i] })
	value.Backward()
	value = value.Detach()
	out.value(value, o)

	slope := pos.Grad().To(torch.Float32)
	dq = k.Mul(slope)
	for i := range b {
		share := sums[i].Grad().Mul(inverse).MulScalar(b[i]).To(torch.Float32)
		dq.AddInto_(passes[i].Sum.Mul(share), 1)
	}
	if made != nil {
		dq.AddInto_(made.gradient(more.Grad().To(torch.Float32)), 1)
	}
	return value.To(torch.Float32), dq, q.Mul(slope)
}
