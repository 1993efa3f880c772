package classify

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/optimize"

	"contralens/torch"
)

// Logistic fits a multinomial logistic regression to features [N, D] by L-BFGS. It
// standardizes the features, x̂ = (x-μ)/σ column by column, and minimizes
//
//	mean cross entropy(x̂ Wᵀ + b) + l2 Σ W²
//
// in double precision. The classifier that it returns includes μ and σ, so it takes the
// original features. Free it when done.
func Logistic(features *torch.Tensor, labels []int64, classes int, l2 float64, iterations int) (*Linear, error) {
	n, d := features.Size(0), features.Size(1)
	if n < 2 {
		return nil, fmt.Errorf("logistic regression: want at least 2 images, got %d", n)
	}
	var p logistic
	var l *Linear
	var err error
	torch.NoGrad(func() {
		torch.Scoped(func() {
			if features.IsFinite().All().Item() == 0 {
				err = errors.New("logistic regression: want finite features, but there are NaN or Inf among them")
				return
			}
			variance, mean := features.VarMean([]int{0}, true, true)
			p = logistic{
				features: features, labels: torch.FromInt64(labels, n), n: n, d: d, classes: classes, l2: l2,
				mean: mean.To(torch.Float64), scale: variance.Sqrt().AddScalar(1e-6).To(torch.Float64),
			}
			var at []float64
			if at, err = p.minimize(iterations); err != nil {
				return
			}
			w, b := p.unpack(at)
			w = w.Div(p.scale)
			b = b.Sub(w.Mm(p.mean.T()).Reshape(-1))
			l = &Linear{Weight: w.To(torch.Float32).Keep(), Bias: b.To(torch.Float32).Keep()}
		})
	})
	return l, err
}

// logistic is the optimization problem of Logistic. A point is W, row by row, followed
// by b.
type logistic struct {
	features    *torch.Tensor // float32 [n, d]
	labels      *torch.Tensor // [n]
	mean, scale *torch.Tensor // float64 [1, d]
	n, d        int
	classes     int
	l2          float64
}

func (p *logistic) unpack(at []float64) (w, b *torch.Tensor) {
	k := p.classes * p.d
	return torch.FromFloat64(at[:k], p.classes, p.d), torch.FromFloat64(at[k:], p.classes)
}

// evaluate returns the value at a point and sets gradient to the derivative there. It
// standardizes the features chunk by chunk, because a copy of all of them in double
// precision would be twice their size.
func (p *logistic) evaluate(at, gradient []float64) (value float64) {
	const chunk = 8192
	torch.Scoped(func() {
		w, b := p.unpack(at)
		gw, gb := w.MulScalar(2*p.l2), torch.ZerosLike(b)
		value = p.l2 * w.Square().Sum().Item()
		for start := 0; start < p.n; start += chunk {
			rows := min(chunk, p.n-start)
			torch.Scoped(func() {
				x := p.features.Narrow(0, start, rows).To(torch.Float64).Sub(p.mean).Div(p.scale)
				target := p.labels.Narrow(0, start, rows).Reshape(-1, 1)
				log := x.Linear(w, b).LogSoftmax(1)
				value -= log.Gather(1, target).Sum().Item() / float64(p.n)
				// d/dlogits = (softmax - onehot) / n
				minusOne := torch.Full([]int{rows, 1}, -1, torch.Options{Dtype: torch.Float64})
				g := log.Exp_().ScatterAdd_(1, target, minusOne).MulScalar_(1 / float64(p.n))
				gw.AddInto_(g.T().Mm(x), 1)
				gb.AddInto_(g.SumDim([]int{0}, false), 1)
			})
		}
		copy(gradient, gw.Float64s())
		copy(gradient[p.classes*p.d:], gb.Float64s())
	})
	return value
}

// minimize runs gonum's L-BFGS, which calls back from its own goroutines. Tensor work
// is passed to the calling goroutine.
func (p *logistic) minimize(iterations int) ([]float64, error) {
	type request struct {
		at    []float64
		reply chan struct{}
	}
	requests := make(chan request)
	var last []float64 // the point of value and gradient
	var value float64
	gradient := make([]float64, (p.d+1)*p.classes)
	ask := func(at []float64) {
		r := request{at, make(chan struct{})}
		requests <- r
		<-r.reply
	}
	var result *optimize.Result
	var err error
	go func() {
		defer close(requests)
		result, err = optimize.Minimize(optimize.Problem{
			Func: func(at []float64) float64 { ask(at); return value },
			Grad: func(g, at []float64) { ask(at); copy(g, gradient) },
		}, make([]float64, len(gradient)), &optimize.Settings{
			MajorIterations: iterations, GradientThreshold: 1e-7, Concurrent: 1,
		}, &optimize.LBFGS{Store: 10})
	}()
	for r := range requests {
		if last == nil || !slices.Equal(last, r.at) {
			value = p.evaluate(r.at, gradient)
			last = append(last[:0], r.at...)
		}
		close(r.reply)
	}
	// Near the minimum, a line search may find nothing better in double precision. That
	// is the end, not a failure.
	if result == nil || math.IsNaN(result.F) {
		return nil, fmt.Errorf("logistic regression: no minimum found: %w", err)
	}
	return result.X, nil
}
