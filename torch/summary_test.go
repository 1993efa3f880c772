package torch

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"contralens/internal/numeric"
)

// The kernel agrees with the definitions in float64, for sizes near its block.
func TestSummarize(t *testing.T) { eachLevel(t, summarize) }

func summarize(t *testing.T) {
	for _, columns := range []int{1, 2, 7, 511, 512, 513, 1300} {
		const rows, low, high, bins = 3, -1.0, 1.0, 16
		rng := rand.New(rand.NewPCG(1, uint64(columns)))
		values := make([]float32, rows*columns)
		want := make([]int64, bins)
		for i := range values {
			values[i] = float32(rng.NormFloat64() * 0.6)
			want[int(max(0, min((float64(values[i])-low)/(high-low)*bins, bins-1)))]++
		}
		var s Summary
		if err := Run(func() error {
			Scoped(func() { s = FromFloat32(values, rows, columns).Summarize(low, high, bins) })
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		for b := range want {
			if s.Counts[b] != want[b] {
				t.Errorf("%d columns, bin %d: %d, want %d", columns, b, s.Counts[b], want[b])
			}
		}
		for r := range rows {
			row := values[r*columns : (r+1)*columns]
			mean, square, top := 0.0, 0.0, math.Inf(-1)
			for _, v := range row {
				mean += float64(v) / float64(columns)
				top = max(top, float64(v))
			}
			for _, v := range row {
				square += (float64(v) - mean) * (float64(v) - mean)
			}
			variance := square / max(1, float64(columns-1))
			what := fmt.Sprintf("%d columns, row %d", columns, r)
			numeric.Near(t, what+": mean", s.Mean[r], mean, 1e-12)
			numeric.Near(t, what+": variance", s.Variance[r], variance, 1e-12)
			numeric.Near(t, what+": maximum", s.Max[r], top, 0)
		}
	}
}

func TestSummarizeOddValues(t *testing.T) { eachLevel(t, summarizeOddValues) }

func summarizeOddValues(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	if err := Run(func() error {
		Scoped(func() {
			s := FromFloat32([]float32{nan, inf, -inf, 0, 1, -1, 5, -5, 0.5, nan}, 1, 10).Summarize(-1, 1, 4)
			if s.Counts[0] != 3 || s.Counts[1] != 0 || s.Counts[2] != 1 || s.Counts[3] != 4 || !math.IsNaN(s.Mean[0]) {
				t.Errorf("%+v", s)
			}
		})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := Run(func() error { FromFloat32([]float32{1}, 1).Summarize(-1, 1, 4); return nil }); err == nil {
		t.Error("a vector is summarized")
	}
}

func BenchmarkSummarize(b *testing.B) {
	if err := Run(func() error {
		Scoped(func() {
			x := Zeros([]int{64, 65536}, Options{}).AddScalar_(0.01)
			for b.Loop() {
				x.Summarize(-1, 1, 2048)
			}
		})
		return nil
	}); err != nil {
		b.Fatal(err)
	}
}
