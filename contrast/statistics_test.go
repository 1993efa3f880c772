package contrast

import (
	"fmt"
	"math"
	"sort"
	"testing"

	"contralens/contrast/ft"
	"contralens/internal/numeric"
	"contralens/torch"
)

// definition computes every statistic from its definition in float64, with the
// mixed queue written out.
func definition(q, k, n [][]float64, draw drawn, τ float64, normalizePos, normalizeNeg bool) Statistics {
	var s Statistics
	s.Raw = distribution(q, k, n, τ)
	q1, k1, n1 := clone(q), clone(k), clone(n)
	for i := range q {
		for c := range q[i] {
			λ := draw.positive(i, c)
			q1[i][c], k1[i][c] = λ*q[i][c]+(1-λ)*k[i][c], λ*k[i][c]+(1-λ)*q[i][c]
		}
	}
	for i := range n {
		for c := range n[i] {
			λ := draw.negative(i, c)
			n1[i][c] = λ*n[i][c] + (1-λ)*n[draw.permutation[i]][c]
		}
	}
	if normalizePos {
		q1, k1 = unit(q1), unit(k1)
	}
	if normalizeNeg {
		n1 = unit(n1)
	}
	s.Seen = distribution(q1, k1, n1, τ)
	for i := range q {
		d, z := 0.0, 0.0
		for c := range q[i] {
			d += (q[i][c] - k[i][c]) * (q[i][c] - k[i][c])
		}
		s.Alignment += d / float64(len(q))
		for _, m := range n1 {
			z += math.Exp(dot(q1[i], m) / τ)
		}
		for _, m := range n1 {
			p := math.Exp(dot(q1[i], m)/τ) / z
			s.Entropy -= p * math.Log(p) / float64(len(q))
		}
	}
	for _, z := range [][][]float64{q, k} {
		sum, pairs := 0.0, 0.0
		for i := range z {
			for j := range i {
				d := 0.0
				for c := range z[i] {
					d += (z[i][c] - z[j][c]) * (z[i][c] - z[j][c])
				}
				sum += math.Exp(-2 * d)
				pairs++
			}
		}
		s.Uniformity += math.Log(sum/pairs) / 2
	}
	return s
}

// drawn is a Draw as Go numbers.
type drawn struct {
	positive, negative func(row, column int) float64
	permutation        []int64
}

func plainly(d Draw, dim, k int) drawn {
	value := func(λ *Lambda) func(int, int) float64 {
		if λ == nil {
			return func(int, int) float64 { return 1 }
		}
		if λ.Elements == nil {
			return func(int, int) float64 { return λ.Value }
		}
		v := λ.Elements.Float64s()
		return func(r, c int) float64 { return v[r*dim+c] }
	}
	out := drawn{positive: value(d.Positive), negative: value(d.Negative), permutation: make([]int64, k)}
	if d.Permutation != nil {
		out.permutation = d.Permutation.Int64s()
	}
	return out
}

func distribution(q, k, n [][]float64, τ float64) (d Distribution) {
	var all []float64
	for i := range q {
		pos := dot(q[i], k[i])
		d.Positives = append(d.Positives, float32(pos))
		d.PosMean += pos / float64(len(q))
		d.PosExp += math.Exp(pos/τ) / float64(len(q))
		mean, square, top := 0.0, 0.0, math.Inf(-1)
		for _, m := range n {
			x := dot(q[i], m)
			all = append(all, x)
			mean += x / float64(len(n))
			top = max(top, x)
			d.NegExp += math.Exp(x/τ) / float64(len(n)*len(q))
		}
		for _, m := range n {
			square += math.Pow(dot(q[i], m)-mean, 2)
		}
		d.NegMean += mean / float64(len(q))
		d.NegVar += square / float64(len(n)-1) / float64(len(q))
		d.Hardest += top / float64(len(q))
	}
	for _, p := range d.Positives {
		d.PosVar += math.Pow(float64(p)-d.PosMean, 2) / max(1, float64(len(q)-1))
	}
	sort.Float64s(all)
	d.Negatives = nil
	for _, x := range all {
		d.Negatives = append(d.Negatives, int64(math.Float64bits(x))) // kept for exact quantiles
	}
	return d
}

func dot(a, b []float64) (s float64) {
	for i := range a {
		s += a[i] * b[i]
	}
	return s
}

func clone(m [][]float64) (out [][]float64) {
	for _, row := range m {
		out = append(out, append([]float64(nil), row...))
	}
	return out
}

func unit(m [][]float64) [][]float64 {
	for _, row := range m {
		n := math.Sqrt(dot(row, row))
		for i := range row {
			row[i] /= n
		}
	}
	return m
}

func rows(t *torch.Tensor) (out [][]float64) {
	v, d := t.Detach().Float64s(), t.Size(1)
	for i := 0; i < len(v); i += d {
		out = append(out, v[i:i+d])
	}
	return out
}

// Every statistic of the fused path equals its definition. Loss, gradient and score rows
// equal those without statistics.
func TestStatistics(t *testing.T) {
	paper := ft.Paper()
	elementwise := paper
	elementwise.Positive.Elementwise, elementwise.Negative.Elementwise = true, true
	for _, tc := range []struct {
		name string
		n, k int
		t    ft.Transform
		o    Options
	}{
		{"plain", 5, 33, ft.Transform{}, Options{}},
		{"paper", 9, 700, paper, Options{}},
		{"elementwise", 5, 33, elementwise, Options{}},
		{"positives alone", 5, 33, ft.Transform{Positive: paper.Positive}, Options{}},
		{"negatives alone", 5, 33, ft.Transform{Negative: paper.Negative}, Options{}},
		{"normalized both", 5, 33, normalized(elementwise, true, true), Options{}},
	} {
		for _, τ := range []float64{0.07, 0.2} {
			t.Run(fmt.Sprint(tc.name, " τ ", τ), func(t *testing.T) {
				inRun(t, func() {
					checkStatistics(t, InfoNCE, tc.n, tc.k, tc.t, tc.o, τ)
					checkStatistics(t, operators, tc.n, tc.k, tc.t, tc.o, τ)
					checkStatistics(t, onDevice, tc.n, tc.k, tc.t, tc.o, τ)
				})
			})
		}
	}
}

func checkStatistics(t *testing.T, path contrastFunc, n, k int, transform ft.Transform, o Options, τ float64) {
	const d = 8
	key, queue := unitRows(n, d, 2), unitRows(k, d, 3)
	qa, qb := unitRows(n, d, 1).SetRequiresGrad(true), unitRows(n, d, 1).SetRequiresGrad(true)
	stream := Stream{Seed: 5}
	draw := stream.Next(transform, n, k, d, torch.CPU)
	o.Temperature, o.Scores = τ, true
	without := path(qa, key, QueueNegatives{Rows: queue}, draw, o)
	o.Bound = 2
	with := path(qb, key, QueueNegatives{Rows: queue}, draw, o)
	without.Loss.Backward()
	with.Loss.Backward()
	near := func(name string, got, want, tolerance float64) {
		t.Helper()
		numeric.Near(t, name, got, want, tolerance*max(1, math.Abs(want)))
	}
	near("loss", with.Value, without.Value, 1e-7)
	norm := 0.0
	ga, gb := rows(qa.Grad()), rows(qb.Grad())
	for i := range ga {
		norm += math.Sqrt(dot(ga[i], ga[i]))
		for c := range ga[i] {
			near("gradient", gb[i][c], ga[i][c], 1e-6)
		}
	}
	for i := range without.Scores {
		near("score rows", float64(with.Scores[i]), float64(without.Scores[i]), 1e-5)
	}
	s := with.Statistics
	want := definition(rows(qa), rows(key), rows(queue), plainly(draw, d, k), τ, draw.NormalizePositive, draw.NormalizeNegative)
	near("gradient's length", s.Gradient, norm, 1e-5)
	near("alignment", s.Alignment, want.Alignment, 1e-5)
	near("uniformity", s.Uniformity, want.Uniformity, 1e-5)
	near("entropy", s.Entropy, want.Entropy, 1e-5)
	for i, pair := range [][2]Distribution{{s.Raw, want.Raw}, {s.Seen, want.Seen}} {
		got, want := pair[0], pair[1]
		name := []string{"raw ", "seen "}[i]
		near(name+"positive mean", got.PosMean, want.PosMean, 1e-6)
		near(name+"positive variance", got.PosVar, want.PosVar, 1e-6)
		near(name+"positive exp", got.PosExp, want.PosExp, 2e-5)
		near(name+"negative mean", got.NegMean, want.NegMean, 1e-6)
		near(name+"negative variance", got.NegVar, want.NegVar, 1e-6)
		near(name+"negative exp", got.NegExp, want.NegExp, 2e-5)
		near(name+"hardest", got.Hardest, want.Hardest, 1e-6)
		total, width := int64(0), 2*got.Bound/Bins
		for _, c := range got.Negatives {
			total += c
		}
		near(name+"count", float64(total), float64(n*k), 0)
		for _, share := range []float64{0.05, 0.25, 0.5, 0.75, 0.95} {
			exact := math.Float64frombits(uint64(want.Negatives[int(math.Ceil(share*float64(n*k)))-1]))
			// Within the bin, whatever the rounding.
			if q := got.NegQuantile(share); !(math.Abs(q-exact) <= width+1e-6) {
				t.Errorf("%squantile %v: got %v, want %v", name, share, q, exact)
			}
		}
		near(name+"positive median", got.PosQuantile(0.5), median(want.Positives), 1e-6)
	}
}

func median(v []float32) float64 {
	sorted := append([]float32(nil), v...)
	sort.Slice(sorted, func(i, j int) bool { return sorted[i] < sorted[j] })
	n := len(sorted)
	return (float64(sorted[(n-1)/2]) + float64(sorted[n/2])) / 2
}
