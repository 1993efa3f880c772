package contrast

import "contralens/torch"

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
func summarizeBy(scores *torch.Tensor, bound float64, r *torch.Readback, use func(torch.Summary)) (mean, variance *torch.Tensor) {
	variance, mean = scores.VarMean([]int{1}, scores.Size(1) > 1, true)
	var s torch.Summary
	columns := torch.Cat([]*torch.Tensor{mean, variance, scores.Amax([]int{1}, true)}, 1)
	r.Values(columns, func(v []float64) {
		for i := 0; i < len(v); i += 3 {
			s.Mean, s.Variance, s.Max = append(s.Mean, v[i]), append(s.Variance, v[i+1]), append(s.Max, v[i+2])
		}
	})
	r.Values(scores.Histogram(-bound, bound, Bins), func(v []float64) {
		s.Counts = make([]int64, len(v))
		for i, count := range v {
			s.Counts[i] = int64(count)
		}
		use(s)
	})
	return mean, variance
}

// uniformityOf is uniformity by operators that run on any device, float64 without
// dimensions. It is NaN for one row.
func uniformityOf(z *torch.Tensor) *torch.Tensor {
	return torch.Scoped1(func() *torch.Tensor {
		n := float64(z.Size(0))
		g := z.Mm(z.T()).To(torch.Float64)
		norms := g.Diagonal()
		apart := norms.Unsqueeze(0).Add(norms.Unsqueeze(1)).AddInto_(g, -2)
		return apart.MulScalar_(-2).Exp_().UpperTriangle(1).Sum().DivScalar(n * (n - 1) / 2).Log()
	})
}
