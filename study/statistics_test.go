package study

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"contralens/internal/numeric"
)

// Intervals against closed forms: with 2 values the quantile of Student's t with 1 degree of freedom is
// that of the Cauchy distribution, tan(π(p-1/2)); with 3 values, 2 degrees, it is
// (2p-1)/√(2p(1-p)); with 5 values, 4 degrees, tables have 2.776445105.
func TestEstimate(t *testing.T) {
	cauchy := math.Tan(math.Pi * 0.475)
	two := 0.95 / math.Sqrt(2*0.975*0.025)
	for _, c := range []struct {
		values     []float64
		mean, half float64
	}{
		{[]float64{1, 3}, 2, cauchy * math.Sqrt2 / math.Sqrt(2)},
		{[]float64{1, 2, 3}, 2, two / math.Sqrt(3)},
		{[]float64{52, 54, 50, 53, 51}, 52, 2.7764451051977987 * math.Sqrt(2.5) / math.Sqrt(5)},
		{[]float64{7, 7, 7}, 7, 0},
	} {
		e := NewEstimate(c.values)
		if e.N != len(c.values) || e.Low == nil || e.High == nil {
			t.Fatalf("%v: got %+v", c.values, e)
		}
		numeric.Near(t, "mean", e.Mean, c.mean, 1e-12)
		numeric.Near(t, "low", *e.Low, c.mean-c.half, 1e-9)
		numeric.Near(t, "high", *e.High, c.mean+c.half, 1e-9)
	}
	if e := NewEstimate([]float64{3}); e.N != 1 || e.Mean != 3 || e.Low != nil || e.High != nil {
		t.Errorf("one value: %+v", e)
	}
	if e := NewEstimate(nil); e.N != 0 {
		t.Errorf("no value: %+v", e)
	}
}

// Differences pair what has the same seed, in any order, and leave out what has no partner.
func TestDifferences(t *testing.T) {
	got := differences([]Score{{3, 10}, {1, 8}, {7, 1}}, []Score{{1, 7.5}, {2, 100}, {3, 8}})
	if len(got) != 2 || got[0] != (Score{3, 2}) || got[1] != (Score{1, 0.5}) {
		t.Errorf("got %v", got)
	}
	// What all seeds share cancels: the interval of the differences is that of the rest.
	e := estimate(differences([]Score{{1, 11}, {2, 52}, {3, 33}}, []Score{{1, 10}, {2, 50}, {3, 30}}))
	numeric.Near(t, "mean", e.Mean, 2, 1e-12)
	numeric.Near(t, "low", *e.Low, 2-0.95/math.Sqrt(2*0.975*0.025)/math.Sqrt(3), 1e-9)
}

// The tables that were published are those of the results beside them.
func TestEvidence(t *testing.T) {
	files, err := filepath.Glob("../docs/evidence/*/study.yaml")
	if err != nil || len(files) < 10 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		dir := filepath.Dir(file)
		s, _, err := Load(file)
		if err != nil {
			t.Fatal(err)
		}
		done, err := Published(dir)
		if err != nil || len(done) == 0 {
			t.Fatalf("%s: %d outcomes, %v", dir, len(done), err)
		}
		if err := s.CheckDrawn(dir, done); err != nil {
			t.Errorf("%s: %v", dir, err)
			continue
		}
		var got strings.Builder
		if err := s.Report(dir, done).CSV(&got); err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join(dir, TableFile))
		if err != nil || !near(got.String(), string(want)) {
			t.Errorf("%s: %v; got\n%s\nwant\n%s", dir, err, got.String(), want)
		}
	}
}

// near reports whether two tables are the same but for the last digits of numbers, which depend on the processor.
func near(a, b string) bool {
	cut := func(r rune) bool { return r == ',' || r == '\n' }
	x, y := strings.FieldsFunc(a, cut), strings.FieldsFunc(b, cut)
	return slices.EqualFunc(x, y, func(x, y string) bool {
		v, err := strconv.ParseFloat(x, 64)
		w, other := strconv.ParseFloat(y, 64)
		return x == y || err == nil && other == nil && math.Abs(v-w) <= 1e-9*math.Abs(w)
	})
}
