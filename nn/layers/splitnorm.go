package layers

import (
	"cmp"

	"contralens/torch"
)

// parts returns the number of parts of a batch with separate statistics. A part has at
// least two samples, so a small batch has fewer parts.
func (n *BatchNorm) parts(size int) int {
	if !n.mode.Train {
		return 1
	}
	return max(1, min(cmp.Or(n.mode.Groups, n.groups), size/2))
}

// normalizeSplit is batch norm in training with separate statistics for each of groups
// parts of the batch, as on that number of devices. The running statistics become the
// mean of those that the devices would have.
//
// With keys in a shuffled order, one device trains as several do: the statistics of a
// query's group do not reveal which key is its positive (shuffling BN; He et al., 2020,
// section 3.3).
func (n *BatchNorm) normalizeSplit(x *torch.Tensor, groups int) *torch.Tensor {
	return torch.Scoped1(func() *torch.Tensor {
		size := x.Size(0)
		var parts, means, variances []*torch.Tensor
		for g := range groups {
			first, end := g*size/groups, (g+1)*size/groups
			mean, variance := n.Mean.Clone(), n.Variance.Clone()
			part := x.Narrow(0, first, end-first)
			parts = append(parts, part.BatchNorm(n.Weight, n.Bias, mean, variance, true, n.mode.momentum(), normEps))
			means, variances = append(means, mean), append(variances, variance)
		}
		torch.NoGrad(func() {
			if recomputing {
				return // the first pass has updated them
			}
			n.Mean.Copy_(torch.Stack(means, 0).MeanDim([]int{0}, false))
			n.Variance.Copy_(torch.Stack(variances, 0).MeanDim([]int{0}, false))
		})
		return torch.Cat(parts, 0)
	})
}
