package nn

import "contralens/torch"

// parts is how many parts of a batch have statistics of their own. A part has two
// samples at least: of a small batch there are fewer parts.
func (n *batchNorm) parts(size int) int {
	if !*n.train {
		return 1
	}
	return max(1, min(n.groups, size/2))
}

// normalizeSplit is batch norm in training with statistics of its own for each of
// groups parts of the batch, as that many devices have them. Running statistics
// become the mean of what each device's would be.
//
// With it, and keys in a shuffled order, one device trains as several do: the
// statistics of a query's group tell nothing about which key is its own (shuffling
// BN; He et al., 2020, section 3.3).
func (n *batchNorm) normalizeSplit(x *torch.Tensor, groups int) *torch.Tensor {
	return torch.Scoped1(func() *torch.Tensor {
		size := x.Size(0)
		var parts, means, variances []*torch.Tensor
		for g := range groups {
			first, end := g*size/groups, (g+1)*size/groups
			mean, variance := n.mean.Clone(), n.variance.Clone()
			parts = append(parts, x.Narrow(0, first, end-first).BatchNorm(n.weight, n.bias, mean, variance, true, 0.1, 1e-5))
			means, variances = append(means, mean), append(variances, variance)
		}
		torch.NoGrad(func() {
			if recomputing {
				return // they have moved
			}
			n.mean.Copy_(torch.Stack(means, 0).MeanDim([]int{0}, false))
			n.variance.Copy_(torch.Stack(variances, 0).MeanDim([]int{0}, false))
		})
		return torch.Cat(parts, 0)
	})
}
