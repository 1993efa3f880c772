package contrast

import (
	"math"
	"slices"

	"contralens/torch"
)

// Statistics describe the scores and features of one batch.
type Statistics struct {
	Raw, Seen Distribution // scores before the transformation, and as the loss sees them

	// Entropy of the softmax over a query's negatives, in nats, averaged over the batch. Its
	// exponential is the effective number of negatives.
	Entropy float64
	// Gradient is N·|∂loss/∂q| averaged over the batch: the norm of the gradient that a
	// query gets from its own loss.
	Gradient float64
	// Alignment is the mean of |q-k|². Uniformity is the log of the mean over pairs i<j of
	// exp(-2|z_i-z_j|²), averaged over z = q and z = k (Wang & Isola, 2020, with α = t = 2).
	// Both use untransformed features; uniformity of a batch of one is NaN.
	Alignment, Uniformity float64
	// The mean λ of the step; NaN for a side that is not transformed.
	LambdaPositive, LambdaNegative float64
}

// Distribution describes the positive and negative scores of a batch.
type Distribution struct {
	Positives               []float32 // [N]
	PosMean, PosVar, PosExp float64   // mean, variance (divisor N-1), mean of exp(pos/τ)
	NegMean, NegVar, NegExp float64   // over each query's negatives (variance: divisor K-1), averaged over queries
	Hardest                 float64   // mean of each query's largest negative score
	Negatives               []int64   // counts of all N·K negatives in Bins bins over [-Bound, Bound]
	Bound                   float64
}

// Bins is the number of bins of Distribution.Negatives.
const Bins = 2048

// rawBound is the Bound of untransformed scores: products of unit rows lie in [-1, 1].
const rawBound = 1

// observe computes the statistics of the untransformed q and k [N, d] and, if draw
// transforms anything, of their untransformed scores; negatives adds those of the
// negatives.
func observe(q, k *torch.Tensor, draw Draw, o Options, negatives func(raw *Distribution)) *Statistics {
	s, r := &Statistics{}, o.Readback
	torch.NoGrad(func() {
		torch.Scoped(func() {
			draw.Positive.mean(r, &s.LambdaPositive)
			draw.Negative.mean(r, &s.LambdaNegative)
			n := float64(q.Size(0))
			r.Value(q.Sub(k).Square().Sum(), func(v float64) { s.Alignment = v / n })
			if o.operators(q) {
				r.Value(uniformityOf(q, k), func(v float64) { s.Uniformity = v })
			} else {
				s.Uniformity = (uniformity(q) + uniformity(k)) / 2
			}
			if draw.On() {
				s.Raw.positives(q.Mul(k).SumDim([]int{1}, false), o)
				negatives(&s.Raw)
			}
		})
	})
	return s
}

// counting requests a histogram with Bins bins over [-bound, bound], or none if bound
// is 0.
func counting(bound float64) torch.Counting {
	if bound == 0 {
		return torch.Counting{}
	}
	return torch.Counting{Low: -bound, High: bound, Bins: Bins}
}

// describe fills in the statistics of untransformed negative scores neg [N, K], which it
// overwrites.
func (d *Distribution) describe(neg *torch.Tensor, o Options) {
	torch.Scoped(func() {
		if o.operators(neg) {
			d.describeBy(neg, o)
			return
		}
		k := neg.Size(1)
		summarize(neg, rawBound, o, func(rows torch.Summary) { d.negatives(torch.Attention{Summary: rows}, k, rawBound) })
		top := neg.Amax([]int{1}, true)
		sum := neg.Sub_(top).MulScalar_(1/o.Temperature).Exp_().SumDim([]int{1}, true)
		o.Readback.Values(sum.Log().AddInto_(top, 1/o.Temperature), func(logSum []float64) { d.exponentials(logSum, k) })
	})
}

// mean stores the mean λ in v, or NaN if there is none.
func (λ *Lambda) mean(r *torch.Readback, v *float64) {
	switch {
	case λ == nil:
		*v = math.NaN()
	case λ.Elements == nil:
		*v = λ.Value
	default:
		r.Value(λ.Elements.Mean(), func(mean float64) { *v = mean })
	}
}

// uniformity of z [N, d], computed from products with |a-b|² = |a|² + |b|² - 2a·b.
func uniformity(z *torch.Tensor) float64 {
	n := z.Size(0)
	g := z.Mm(z.T()).Float32s()
	sum := 0.0
	for i := range n {
		for j := range i {
			sum += math.Exp(-2 * (float64(g[i*n+i]) + float64(g[j*n+j]) - 2*float64(g[i*n+j])))
		}
	}
	return math.Log(sum / (float64(n) * float64(n-1) / 2))
}

// measured returns loss(q). If statistics are collected, it computes the gradient at q,
// records its norm, and attaches it to the loss, so that the caller's backward pass does
// not run through the contrast again.
func (out *Output) measured(q *torch.Tensor, draw Draw, o Options,
	loss func(q *torch.Tensor) *torch.Tensor) *torch.Tensor {
	if out.Statistics == nil {
		return loss(q)
	}
	leaf := q.Detach().SetRequiresGrad(true)
	value := loss(leaf)
	value.Backward()
	gradient := leaf.Grad()
	torch.NoGrad(func() {
		norms := gradient.Square().SumDim([]int{1}, false).Sqrt().Sum()
		o.Readback.Value(norms, func(v float64) { out.Statistics.Gradient = v })
	})
	if !draw.On() {
		o.Readback.Then(func() { out.Statistics.Raw = out.Statistics.Seen })
	}
	return torch.CustomGrad(value, []*torch.Tensor{q}, []*torch.Tensor{gradient})
}

// transformed records the scores that the loss sees, pos [N, 1] and neg [N, K]. It
// returns the mean and the variance of each row of negatives, [N, 1].
func (s *Statistics) transformed(pos, neg *torch.Tensor, o Options) (mean, variance *torch.Tensor) {
	k := neg.Size(1)
	mean, variance = summarize(neg, o.Bound, o, func(rows torch.Summary) {
		s.Seen.negatives(torch.Attention{Summary: rows}, k, o.Bound)
	})
	s.Seen.positives(pos, o)
	return mean, variance
}

// shares records the statistics that need the share of every negative: the entropy
// log Σp - Σ p·(neg-shift)/τ / Σp, and the mean of the exponentials. p is
// exp((neg-shift)/τ) [N, K] and sum its row sums [N, 1].
func (s *Statistics) shares(p, neg, sum, shift *torch.Tensor, o Options) {
	τ := o.Temperature
	n, k := p.Size(0), p.Size(1)
	// Row sums of p·neg as a batched product, which needs no buffer.
	dot := p.Reshape(n, 1, k).Bmm(neg.Reshape(n, k, 1)).Reshape(n, 1)
	if o.operators(p) {
		s.sharesBy(dot, sum, shift, k, o)
		return
	}
	entropy := sum.Log().Sub(dot.Div(sum).Sub(shift).MulScalar(1 / τ)).Mean()
	o.Readback.Value(entropy, func(v float64) { s.Entropy = v })
	exp := sum.Mul(shift.MulScalar(1 / τ).Exp_()).Mean()
	o.Readback.Value(exp, func(v float64) { s.Seen.NegExp = v / float64(k) })
}

// positives describes positive scores pos, [N] or [N, 1].
func (d *Distribution) positives(pos *torch.Tensor, o Options) {
	o.Readback.Values(pos, func(pos []float64) { d.describePositives(pos, o.Temperature) })
}

func (d *Distribution) describePositives(pos []float64, τ float64) {
	d.Positives = make([]float32, len(pos))
	d.PosMean, d.PosVar, d.PosExp = 0, 0, 0
	n := float64(len(pos))
	for i, v := range pos {
		d.Positives[i] = float32(v)
		d.PosMean += v / n
		d.PosExp += math.Exp(v/τ) / n
	}
	for _, v := range pos {
		d.PosVar += (v - d.PosMean) * (v - d.PosMean) / max(1, n-1)
	}
}

// negatives describes the scores of k negatives per query. NegExp stays as it is if rows
// have no LogSum.
func (d *Distribution) negatives(rows torch.Attention, k int, bound float64) {
	d.Negatives, d.Bound = rows.Counts, bound
	d.NegMean, d.NegVar, d.Hardest = average(rows.Mean), average(rows.Variance), average(rows.Max)
	if rows.LogSum != nil {
		d.exponentials(rows.LogSum, k)
	}
}

// exponentials sets NegExp, given log Σ_i exp(neg_i/τ) of each query's k negatives.
func (d *Distribution) exponentials(logSum []float64, k int) {
	d.NegExp = 0
	for _, l := range logSum {
		d.NegExp += math.Exp(l) / float64(k*len(logSum))
	}
}

func average(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}

// NegQuantile returns the score below which the given share of all negatives lies. It
// comes from the histogram, so its error is at most one bin, 2·Bound/Bins.
func (d *Distribution) NegQuantile(share float64) float64 {
	total := int64(0)
	for _, c := range d.Negatives {
		total += c
	}
	rank, below := share*float64(total), 0.0
	for i, c := range d.Negatives {
		if c > 0 && below+float64(c) >= rank {
			return -d.Bound + (float64(i)+(rank-below)/float64(c))*2*d.Bound/Bins
		}
		below += float64(c)
	}
	return math.NaN()
}

// PosQuantile returns the positive score below which the given share of the batch lies,
// interpolated linearly.
func (d *Distribution) PosQuantile(share float64) float64 {
	sorted := slices.Clone(d.Positives)
	slices.Sort(sorted)
	at := share * float64(len(sorted)-1)
	i := min(int(at), max(0, len(sorted)-2))
	j := min(i+1, len(sorted)-1)
	return float64(sorted[i]) + (at-float64(i))*(float64(sorted[j])-float64(sorted[i]))
}
