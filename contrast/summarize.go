package contrast

import (
	"math"

	"contralens/torch"
)

// summarize computes mean, variance and maximum of each row of scores [N, K], and a
// histogram of all of them in Bins bins over [-bound, bound], and passes them to use.
// It also returns the mean and the variance of each row as columns [N, 1]. A kernel of
// ours reads the scores once, on the CPU. On a device, operators compute the same, and
// N·3 + Bins numbers go to the host, not the scores.
func summarize(scores *torch.Tensor, bound float64, o Options, use func(torch.Summary)) (mean, variance *torch.Tensor) {
	if o.operators(scores) {
		return summarizeBy(scores, bound, o.Readback, use)
	}
	rows := scores.Summarize(-bound, bound, Bins)
	use(rows)
	column := func(v []float64) *torch.Tensor {
		return torch.FromFloat64(v, len(v), 1).To(torch.Float32)
	}
	return column(rows.Mean), column(rows.Variance)
}

// summarizeBy is summarize by operators that run on any device. A row with NaN has the
// maximum NaN; the kernel ignores NaN there.
func summarizeBy(scores *torch.Tensor, bound float64, r *torch.Readback,
	use func(torch.Summary)) (mean, variance *torch.Tensor) {
	mean, variance, top := moments(scores)
	var s torch.Summary
	count(scores, bound, r, &s)
	r.Values(torch.Cat([]*torch.Tensor{mean, variance, top}, 1), func(v []float64) {
		c := columns(v, 3)
		s.Mean, s.Variance, s.Max = c[0], c[1], c[2]
		use(s)
	})
	return mean, variance
}

// describeBy is Distribution.describe by operators that run on any device. Five numbers
// per row and the histogram go to the host.
func (d *Distribution) describeBy(scores *torch.Tensor, o Options) {
	mean, variance, top := moments(scores)
	var a torch.Attention
	count(scores, rawBound, o.Readback, &a.Summary)
	k, τ := scores.Size(1), o.Temperature
	sum := scores.Sub_(top).MulScalar_(1/τ).Exp_().SumDim([]int{1}, true)
	o.Readback.Values(torch.Cat([]*torch.Tensor{mean, variance, top, sum}, 1), func(v []float64) {
		c := columns(v, 4)
		a.Mean, a.Variance, a.Max, a.LogSum = c[0], c[1], c[2], c[3]
		for i, sum := range a.LogSum {
			a.LogSum[i] = math.Log(sum) + a.Max[i]/τ
		}
		d.negatives(a, k, rawBound)
	})
}

// sharesBy is Statistics.shares with the products of p and neg, dot [N, 1], by operators
// that run on any device.
func (s *Statistics) sharesBy(dot, sum, shift *torch.Tensor, k int, o Options) {
	τ := o.Temperature
	o.Readback.Values(torch.Cat([]*torch.Tensor{dot, sum, shift}, 1), func(v []float64) {
		c := columns(v, 3)
		n := float64(len(c[0]))
		s.Entropy, s.Seen.NegExp = 0, 0
		for i, sum := range c[1] {
			s.Entropy += (math.Log(sum) - (c[0][i]/sum-c[2][i])/τ) / n
			s.Seen.NegExp += sum * math.Exp(c[2][i]/τ) / (n * float64(k))
		}
	})
}

// moments returns mean, variance and maximum of each row of scores [N, K], all [N, 1].
func moments(scores *torch.Tensor) (mean, variance, top *torch.Tensor) {
	variance, mean = scores.VarMean([]int{1}, scores.Size(1) > 1, true)
	return mean, variance, scores.Amax([]int{1}, true)
}

// count sets the counts of s to the histogram of scores.
func count(scores *torch.Tensor, bound float64, r *torch.Readback, s *torch.Summary) {
	r.Values(scores.Histogram(-bound, bound, Bins), func(v []float64) {
		s.Counts = make([]int64, len(v))
		for i, count := range v {
			s.Counts[i] = int64(count)
		}
	})
}

// columns splits a matrix of n columns, row by row in v, into its columns.
func columns(v []float64, n int) [][]float64 {
	all := make([][]float64, n)
	for i, x := range v {
		all[i%n] = append(all[i%n], x)
	}
	return all
}

// uniformityOf is the mean of uniformity of q and k, both [N, d], by operators that run on
// any device: float64 without dimensions. It is NaN for one row. Of the matrix of all
// pairs, the diagonal has N ones, and each pair occurs twice.
func uniformityOf(q, k *torch.Tensor) *torch.Tensor {
	return torch.Scoped1(func() *torch.Tensor {
		n := float64(q.Size(0))
		z := torch.Stack([]*torch.Tensor{q, k}, 0)
		g := z.Bmm(z.Transpose(1, 2)).To(torch.Float64)
		norms := g.Diagonal(1, 2) // [2, N]
		apart := norms.Unsqueeze(1).Add(norms.Unsqueeze(2)).AddInto_(g, -2)
		sums := apart.MulScalar_(-2).Exp_().SumDim([]int{1, 2}, false)
		return sums.AddScalar_(-n).DivScalar(n * (n - 1)).Log().Mean()
	})
}
