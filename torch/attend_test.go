package torch

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"contralens/internal/cpu"
	"contralens/internal/numeric"
)

// attendCase is a case with sizes near those of the kernel: panels of 32 queries, blocks
// of 128 rows, groups of 8 dimensions.
type attendCase struct {
	n, k, d                    int
	mixed, elements, normalize bool
}

func (c attendCase) make() (q *Tensor, m Mixed) {
	rng := rand.New(rand.NewPCG(uint64(c.n), uint64(c.k)))
	matrix := func(rows int) *Tensor {
		v := make([]float32, rows*c.d)
		for i := range v {
			v[i] = float32(rng.NormFloat64())
		}
		return FromFloat32(v, rows, c.d).Normalize(1)
	}
	q, m.Rows, m.Normalize = matrix(c.n), matrix(c.k), c.normalize
	if c.mixed {
		π := make([]int64, c.k)
		for i, p := range rng.Perm(c.k) {
			π[i] = int64(p)
		}
		m.Permutation, m.Lambda = FromInt64(π, c.k), 0.3
	}
	if c.elements {
		m.Elements = matrix(c.k).Square()
	}
	return q, m
}

// rows returns the mixed rows, computed by operators.
func (m Mixed) rows() *Tensor {
	n := m.Rows
	if m.Permutation != nil {
		other := n.IndexSelect(0, m.Permutation)
		if m.Elements != nil {
			n = n.Mul(m.Elements).Add(other.Mul(m.Elements.SubFrom(1)))
		} else {
			n = n.MulScalar(m.Lambda).Add(other.MulScalar(1 - m.Lambda))
		}
	}
	if m.Normalize {
		n = n.Normalize(1)
	}
	return n
}

func within(t *testing.T, what string, got, want []float64, tolerance float64) {
	t.Helper()
	for i := range want {
		numeric.Near(t, fmt.Sprintf("%s, element %d", what, i), got[i], want[i], tolerance*max(1, math.Abs(want[i])))
	}
}

// The kernel agrees with operators in float64.
func TestAttend(t *testing.T) { eachLevel(t, attend) }

func attend(t *testing.T) {
	for _, c := range []attendCase{
		{n: 1, k: 1, d: 1}, {n: 1, k: 7, d: 3, mixed: true}, {n: 33, k: 129, d: 8}, {n: 31, k: 1000, d: 20, mixed: true},
		{n: 64, k: 1025, d: 16, mixed: true, elements: true}, {n: 5, k: 5000, d: 128, mixed: true, elements: true, normalize: true}, {n: 40, k: 300, d: 17, normalize: true},
	} {
		for _, τ := range []float64{0.02, 0.2} {
			in(t, func() {
				q, m := c.make()
				a := m.Attend(q, τ, true, Counting{Low: -1, High: 1, Bins: 64})
				n := m.rows().To(Float64)
				s := q.To(Float64).Mm(n.T())
				within(t, "max", a.Max, s.Amax([]int{1}, true).Float64s(), 1e-6)
				mean := s.MeanDim([]int{1}, true)
				within(t, "mean", a.Mean, mean.Float64s(), 1e-6)
				within(t, "variance", a.Variance, s.Sub(mean).Square().SumDim([]int{1}, true).DivScalar(float64(max(1, c.k-1))).Float64s(), 1e-6)
				top := s.Amax([]int{1}, true)
				e := s.Sub(top).DivScalar(τ).Exp_()
				sum := e.SumDim([]int{1}, true)
				within(t, "log sum", a.LogSum, sum.Log().Add(top.DivScalar(τ)).Float64s(), 3e-6/τ)
				p := e.Div(sum)
				// H = -Σ p log p moves by Σ p |log p + H| ≤ 2 log k times what the scores do.
				entropy := sum.Log().Sub(p.Mul(s.Sub(top)).SumDim([]int{1}, true).DivScalar(τ)).Float64s()
				bound := 2*math.Log(float64(c.k))*numeric.Sum(c.d, 1)/τ + numeric.Sum(8, 1)
				within(t, "entropy", a.Entropy, entropy, max(1e-6/τ, bound))
				within(t, "sum", a.Sum.Float64s(), p.Mm(n).Float64s(), 1e-6/τ)
				want := s.To(Float32).Summarize(-1, 1, 64).Counts
				total, moved := int64(0), int64(0)
				for i := range want {
					total += a.Counts[i]
					moved += max(a.Counts[i]-want[i], want[i]-a.Counts[i])
				}
				if total != int64(c.n*c.k) || moved > 2+total/1000 {
					t.Errorf("%d counted of %d, %d in another bin", total, c.n*c.k, moved)
				}
			})
		}
	}
}

// The result has the same bits with one thread and with several, and with vectors of 256
// and of 512 bits. Without fused multiply-add it agrees closely.
func TestAttendBits(t *testing.T) {
	before := Threads()
	defer SetThreads(before)
	sums := func() (all []float64) {
		in(t, func() {
			q, m := attendCase{n: 50, k: 5000, d: 24, mixed: true}.make()
			a := m.Attend(q, 0.1, true, Counting{Low: -1, High: 1, Bins: 16})
			all = slices.Concat(a.Sum.Float64s(), a.Max, a.Mean, a.Variance, a.LogSum, a.Entropy)
		})
		return all
	}
	SetThreads(1)
	want := sums()
	for _, threads := range []int{2, 3} {
		if SetThreads(threads); !slices.Equal(sums(), want) {
			t.Errorf("%d threads give other bits", threads)
		}
	}
	for level := range cpu.Levels() {
		got := sums()
		within(t, level.String(), got, want, 1e-5)
		if level != cpu.Baseline && cpu.Best() != cpu.Baseline && !slices.Equal(got, want) {
			t.Errorf("%v gives other bits than %v", level, cpu.Best())
		}
	}
}

// NaN and infinity in queries or rows reach the sums of the affected queries and no
// others.
func TestAttendNotFinite(t *testing.T) {
	for _, bad := range []float64{math.NaN(), math.Inf(1)} {
		in(t, func() {
			q, m := attendCase{n: 3, k: 300, d: 8, mixed: true}.make()
			q.Narrow(0, 1, 1).Narrow(1, 2, 1).MulScalar_(bad)
			a := m.Attend(q, 0.2, true, Counting{})
			for i, l := range a.LogSum {
				if math.IsNaN(l) != (i == 1) {
					t.Errorf("queries times %v: log sum of query %d is %v", bad, i, l)
				}
			}
			q, m = attendCase{n: 3, k: 300, d: 8, mixed: true}.make()
			m.Rows.Narrow(0, 200, 1).MulScalar_(bad)
			for i, l := range m.Attend(q, 0.2, false, Counting{}).LogSum {
				if !math.IsNaN(l) {
					t.Errorf("a row times %v: log sum of query %d is %v", bad, i, l)
				}
			}
		})
	}
}

// Arguments that don't fit are an error, not an out-of-bounds read.
func TestAttendRefuses(t *testing.T) {
	for name, spoil := range map[string]func(q *Tensor, m *Mixed){
		"dimensions":  func(_ *Tensor, m *Mixed) { m.Rows = m.Rows.Narrow(1, 0, 3) },
		"permutation": func(_ *Tensor, m *Mixed) { m.Permutation = m.Permutation.AddScalar(1) },
		"too short":   func(_ *Tensor, m *Mixed) { m.Permutation = m.Permutation.Narrow(0, 0, 5).Contiguous() },
		"precision":   func(_ *Tensor, m *Mixed) { m.Rows = m.Rows.To(Float64) },
	} {
		err := Run(func() error {
			Scoped(func() {
				q, m := attendCase{n: 3, k: 30, d: 8, mixed: true}.make()
				spoil(q, &m)
				m.Attend(q, 0.2, true, Counting{})
			})
			return nil
		})
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func in(t *testing.T, f func()) {
	t.Helper()
	if err := Run(func() error { Scoped(f); return nil }); err != nil {
		t.Fatal(err)
	}
}
