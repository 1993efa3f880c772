package contrast

import "contralens/torch"

// The paths of InfoNCE with an Options.Loss. Each makes the loss of a query from a few
// numbers, whose gradients autograd finds, and carries those on to scores or rows.

// meanLoss is the loss of positive scores pos [N, 1], inverse = 1/τ and the sums L(b) that
// sum returns, given b/τ and the index of b.
func (o Options) meanLoss(
	pos, inverse *torch.Tensor, count int, sum func(scale *torch.Tensor, i int) *torch.Tensor,
) *torch.Tensor {
	s := Sums{Positive: pos, Scaled: pos.Mul(inverse), Count: count, Temperature: o.Temperature}
	for i, b := range o.Loss.Exponents() {
		s.Negatives = append(s.Negatives, sum(inverse.MulScalar(b), i))
	}
	return o.Loss.Rows(s).Mean()
}

// lossOf is the loss of scores pos [N, 1] and neg [N, …], k of which are finite, by autograd.
func (o Options) lossOf(pos, neg *torch.Tensor, k int) *torch.Tensor {
	return o.meanLoss(pos, o.inverse(pos), k, func(scale *torch.Tensor, _ int) *torch.Tensor {
		return neg.Mul(scale).LogSumExp([]int{1}, true)
	})
}

// slopes returns the loss of scores pos [N, 1] and neg [N, K], and its gradients with respect
// to both. Value, accuracy and score statistics go to out.
func slopes(out *Output, pos, neg *torch.Tensor, o Options) (value, dpos, dneg *torch.Tensor) {
	softmax(out, pos, neg, torch.EmptyLike(neg), o) // for what it records
	out.Negatives = o.Loss.Chance(neg.Size(1))
	pos, neg = pos.Detach().SetRequiresGrad(true), neg.Detach().SetRequiresGrad(true)
	value = o.lossOf(pos, neg, neg.Size(1))
	value.Backward()
	value = value.Detach()
	out.value(value, o)
	return value, pos.Grad(), neg.Grad()
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
	out.Negatives = o.Loss.Chance(n.Len())
	value = o.meanLoss(pos, inverse, n.Len(), func(_ *torch.Tensor, i int) *torch.Tensor { return sums[i] })
	value.Backward()
	value = value.Detach()
	out.value(value, o)

	slope := pos.Grad().To(torch.Float32)
	dq = k.Mul(slope)
	for i := range b {
		share := sums[i].Grad().Mul(inverse).MulScalar(b[i]).To(torch.Float32)
		dq.AddInto_(passes[i].Sum.Mul(share), 1)
	}
	return value.To(torch.Float32), dq, q.Mul(slope)
}
