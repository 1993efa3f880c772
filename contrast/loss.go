package contrast

import (
	"math"

	"contralens/torch"
)

// Loss is a relative of InfoNCE: another loss of the same scores. Each depends on the
// negatives of a query only through sums
//
//	L(b) = log Σ_i exp(b s_i/τ)
//
// with s_i = q·n_i, so that a queue needs one pass for each b and no matrix of scores. The
// loss itself is written once, on [N, 1] tensors, and differentiated by autograd.
type Loss interface {
	// Exponents returns the b of the sums that Rows needs.
	Exponents() []float64
	// Rows returns the loss of each query, [N, 1].
	Rows(s Sums) *torch.Tensor
	// Chance returns the K for which ln(K+1) is the loss of scores that are all alike, given
	// k negatives; 0 if it depends on the scores.
	Chance(k int) int
}

// Sums are the scores of N queries, all but the last two [N, 1].
type Sums struct {
	Positive    *torch.Tensor   // q·k
	Scaled      *torch.Tensor   // q·k/τ
	Negatives   []*torch.Tensor // L(b), one for each of Exponents
	Count       int             // of negatives per query
	Temperature float64         // τ; with MACL the one that it starts from
}

// all returns the log of the sum of exponentials of the positive and of L.
func (s Sums) all(l *torch.Tensor) *torch.Tensor {
	return torch.Cat([]*torch.Tensor{s.Scaled, l}, 1).LogSumExp([]int{1}, true)
}

// oneSum is in every loss that has one sum of the scores as they are.
type oneSum struct{}

// Exponents is 1.
func (oneSum) Exponents() []float64 { return []float64{1} }

// CrossEntropy is InfoNCE itself, log(exp(p) + exp(L)) - p with p = q·k/τ. InfoNCE without
// an Options.Loss is the same and faster.
type CrossEntropy struct{ oneSum }

// Rows is InfoNCE.
func (CrossEntropy) Rows(s Sums) *torch.Tensor { return s.all(s.Negatives[0]).Sub(s.Scaled) }

// Chance is k.
func (CrossEntropy) Chance(k int) int { return k }

// DCL is decoupled contrastive learning (Yeh et al., ECCV 2022): the positive is
// not in the denominator, so that its gradient does not fade once it is easy,
//
//	loss = -w q·k/τ + L(1)    w = 2 - exp(q·k/σ) / mean over the batch of exp(q·k/σ)
//
// with w = 1 where Sigma, σ, is 0. w is constant for the gradient.
type DCL struct {
	oneSum
	Sigma float64 // σ of DCLW; the paper takes 0.5
}

// Rows is DCL or DCLW.
func (d DCL) Rows(s Sums) *torch.Tensor {
	if d.Sigma == 0 {
		return s.Negatives[0].Sub(s.Scaled)
	}
	n := float64(s.Positive.Size(0))
	w := s.Positive.Detach().DivScalar(d.Sigma).Softmax(0).MulScalar(n).SubFrom(2)
	return s.Negatives[0].Sub(s.Scaled.Mul(w))
}

// Chance is k-1.
func (DCL) Chance(k int) int { return k - 1 }

// HCL is the contrast with hard negatives (Robinson et al., ICLR 2021), and with
// Beta = 0 the debiased contrast (Chuang et al., NeurIPS 2020). Of K negatives, a
// share τ⁺ is taken to be of the query's class, and hard ones weigh more:
//
//	loss = log(exp(p) + G) - p    G = max( (R - τ⁺ K exp(p)) / (1-τ⁺), K exp(-1/τ) )
//	R = K Σ_i exp((1+β) s_i/τ) / Σ_i exp(β s_i/τ)
type HCL struct {
	Beta    float64 // β; 0: all negatives weigh the same
	TauPlus float64 // τ⁺, below 1
}

// Exponents are 1+β and β.
func (h HCL) Exponents() []float64 {
	if h.Beta == 0 {
		return []float64{1}
	}
	return []float64{1 + h.Beta, h.Beta}
}

// Rows computes all terms divided by the largest, so that none overflows.
func (h HCL) Rows(s Sums) *torch.Tensor {
	k := float64(s.Count)
	r := s.Negatives[0]
	if h.Beta != 0 {
		r = r.Sub(s.Negatives[1]).AddScalar(math.Log(k))
	}
	largest := r.Maximum(s.Scaled).Detach()
	positive := s.Scaled.Sub(largest).Exp()
	least := largest.AddScalar(1 / s.Temperature).Neg().Exp().MulScalar(k)
	g := r.Sub(largest).Exp().AddScaled(positive, -h.TauPlus*k).MulScalar(1 / (1 - h.TauPlus)).Maximum(least)
	return positive.Add(g).Log().Sub(s.Scaled.Sub(largest))
}

// Chance is k.
func (HCL) Chance(k int) int { return k }

// RINCE is robust InfoNCE (Chuang et al., CVPR 2022), for views that may not show the
// same thing:
//
//	loss = -exp(q p)/q + (λ (exp(p) + exp(L(1))))^q / q    q ∈ (0, 1], λ ∈ (0, 1]
//
// As q approaches 0, its gradient becomes that of InfoNCE. With q = 1 easy positives and
// hard negatives weigh most: their gradients are proportional to exp(p) and exp(s).
type RINCE struct {
	oneSum
	Q, Lambda float64
}

// Rows is RINCE.
func (r RINCE) Rows(s Sums) *torch.Tensor {
	all := s.all(s.Negatives[0]).AddScalar(math.Log(r.Lambda)).MulScalar(r.Q).Exp()
	return all.Sub(s.Scaled.MulScalar(r.Q).Exp()).DivScalar(r.Q)
}

// Chance is 0: the loss of scores that are all alike depends on the score.
func (RINCE) Chance(int) int { return 0 }

// MACL is model-aware contrastive learning (Huang et al., ICML 2023): the
// temperature rises as views of an image agree, and the gradient of easy queries does not fade,
//
//	loss = (log(exp(p) + exp(L(1))) - p) / (1-P)    P = exp(p) / (exp(p) + exp(L(1)))
//	τ = τ_0 (1 + α (A - A_0))    A = mean over the batch of q·k
//
// 1/(1-P) and A are constant for the gradient. Extrapolated positives can be far below -1, so
// τ is at least τ_0/10.
type MACL struct {
	oneSum
	Alpha, Alignment float64 // α in [0, 1], A_0
}

// Rows is MACL. 1/(1-P) is computed as 1 + exp(p - L), which loses no digits near P = 1.
func (MACL) Rows(s Sums) *torch.Tensor {
	weight := s.Scaled.Sub(s.Negatives[0]).Detach().Exp().AddScalar(1)
	return s.all(s.Negatives[0]).Sub(s.Scaled).Mul(weight)
}

// Chance is (k+1)^((k+1)/k) - 1, rounded: 1/(1-P) is (k+1)/k.
func (MACL) Chance(k int) int {
	n := float64(k + 1)
	return int(math.Round(math.Pow(n, n/float64(k)))) - 1
}

// inverse returns 1/τ of a batch with positive scores pos, one element. It divides by τ
// where nothing adapts it.
func (o Options) inverse(pos *torch.Tensor) *torch.Tensor {
	pos = pos.Detach()
	m, ok := o.Loss.(MACL)
	if !ok {
		return torch.OnesLike(pos.Narrow(0, 0, 1)).DivScalar(o.Temperature)
	}
	τ := pos.Mean().AddScalar(-m.Alignment).MulScalar(m.Alpha).AddScalar(1).ClampMin(0.1).MulScalar(o.Temperature)
	return τ.Reciprocal().View(1, 1)
}
