package contrast

import "contralens/torch"

// Output is the result of the contrast of one batch. With a deferred Options.Readback its
// figures are set when that is waited for: Value, Accuracy, Scores and what Statistics
// points to.
type Output struct {
	Loss *torch.Tensor // one element: mean over the batch of -log softmax of the positive
	// Negatives is the number of negatives per query, or with an Options.Loss its Chance; 0 if
	// the loss has none.
	Negatives int
	Logits    *torch.Tensor // [N, 1+K], divided by τ, positive first; only plain versions set it

	Value    float64   // of Loss
	Accuracy float64   // share of the batch whose positive beats every negative, in percent
	Scores   []float32 // [N, 5] rows of score statistics, if Options.Scores is set
	// Statistics of the batch, if Options.Bound > 0; plain versions have none.
	Statistics *Statistics
	// Trace of the batch, if Options.Trace is set; plain versions and losses without negatives have
	// none.
	Trace *Trace
}

// Columns of Output.Scores, one row per sample, in the order of the reference code's
// files.
const (
	MeanNegative    = iota // mean of the K negative scores
	VarNegative            // their variance, divisor K-1
	Positive               // the positive score
	MeanExpNegative        // mean of exp(neg/τ)
	ExpPositive            // exp(pos/τ)
	ScoreColumns           // the number of columns
)

// Options of the contrast.
type Options struct {
	Temperature float64 // τ
	Scores      bool    // fill Output.Scores
	// Bound > 0 requests Output.Statistics, with histograms of the transformed negatives
	// over [-Bound, Bound].
	Bound float64
	// Loss replaces InfoNCE by a relative; nil: InfoNCE.
	Loss Loss
	// Synthesis adds negatives to those of a queue; nil: none. They have no part in accuracy and
	// statistics. Seed is that of their draws.
	Synthesis *Synthesis
	Seed      uint64
	// Trace asks for Output.Trace; nil: none.
	Trace *Tracing
	// Readback brings the figures to the host. If it is nil, each is read at once.
	Readback *torch.Readback

	byOperators bool // compute on the CPU as on a device; see operators
}

// operators reports whether t lies on a device, where nothing may wait for the host and
// our kernels for the CPU don't run. Then operators compute the same.
func (o Options) operators(t *torch.Tensor) bool { return o.byOperators || !t.Device().IsCPU() }

// InfoNCEPlain is the loss as the paper writes it, by autograd alone:
//
//	pos = q'·k'    neg_i = q'·n'_i
//	loss = -log( exp(pos/τ) / (exp(pos/τ) + Σ exp(neg_i/τ)) )
//
// q and k are [N, d]; k and the negatives are constants. It is the version to read, and
// tests compare InfoNCE with it.
func InfoNCEPlain(q, k *torch.Tensor, negatives Negatives, draw Draw, o Options) *Output {
	out := &Output{Negatives: negatives.Len()}
	o = o.complete()
	var more *torch.Tensor // scores of synthetic negatives
	out.Logits = torch.Scoped1(func() *torch.Tensor {
		q, k := draw.positives(q, k.Detach())
		if o.Synthesis != nil {
			more = o.synthesizePlain(q, negatives, draw).Keep()
		}
		pos := q.Mul(k).SumDim([]int{1}, true)
		var neg *torch.Tensor
		switch n := negatives.mixed(draw).(type) {
		case QueueNegatives:
			neg = n.scores(q)
		case SampledNegatives:
			rows := n.rows(block{queries: q.Size(0), count: n.Count}) // [N, K, d] at once
			neg = rows.Bmm(q.Unsqueeze(2)).Squeeze(2)
		}
		if o.Scores {
			torch.NoGrad(func() { out.scores(pos, neg, o) })
		}
		return torch.Cat([]*torch.Tensor{pos, neg}, 1).DivScalar(o.Temperature)
	})
	labels := torch.Zeros([]int{q.Size(0)}, torch.Options{Dtype: torch.Int64})
	out.Loss = out.lossOfLogits(labels.ToDevice(q.Device()), negatives.Len(), more, o)
	more.Free()
	out.value(out.Loss, o)
	torch.Scoped(func() {
		first := out.Logits.Detach().Argmax(1, false).Eq(labels.ToDevice(q.Device()))
		out.accuracy(first, o)
	})
	return out
}

// lossOfLogits is the loss of out.Logits by autograd, with k negatives per query. Logits of
// others are -∞. more are scores of synthetic negatives, or nil.
func (out *Output) lossOfLogits(labels *torch.Tensor, k int, more *torch.Tensor, o Options) *torch.Tensor {
	if o.Loss == nil {
		return out.Logits.CrossEntropy(labels)
	}
	return torch.Scoped1(func() *torch.Tensor {
		scores := out.Logits.MulScalar(o.Temperature)
		out.Negatives = o.Loss.Chance(k + o.Synthesis.Len())
		return o.lossOf(scores.Narrow(1, 0, 1), scores.Narrow(1, 1, scores.Size(1)-1), more, k)
	})
}

// value sets out.Value to that of a loss.
func (out *Output) value(loss *torch.Tensor, o Options) {
	o.Readback.Value(loss, func(v float64) { out.Value = v })
}

// accuracy sets out.Accuracy; first has for each query whether its positive comes first.
func (out *Output) accuracy(first *torch.Tensor, o Options) {
	o.Readback.Value(first.To(torch.Float32).Mean(), func(v float64) { out.Accuracy = 100 * v })
}

// rows sets out.Scores from its columns, each [N, 1].
func (out *Output) rows(o Options, columns ...*torch.Tensor) {
	o.Readback.Values(torch.Cat(columns, 1), func(v []float64) {
		out.Scores = make([]float32, len(v))
		for i, v := range v {
			out.Scores[i] = float32(v)
		}
	})
}

// scores sets out.Scores for pos [N, 1] and neg [N, K].
func (out *Output) scores(pos, neg *torch.Tensor, o Options) {
	torch.Scoped(func() {
		variance, mean := neg.VarMean([]int{1}, true, true)
		expNeg := neg.DivScalar(o.Temperature).Exp_().MeanDim([]int{1}, true)
		expPos := pos.DivScalar(o.Temperature).Exp_()
		out.rows(o, mean, variance, pos, expNeg, expPos)
	})
}
