package numeric

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// reports records the failures of a comparison in place of a test.
type reports struct {
	testing.TB
	said []string
}

func (r *reports) Helper()      {}
func (r *reports) Name() string { return "TestOf/numbers" }

func (r *reports) Errorf(format string, args ...any) {
	r.said = append(r.said, fmt.Sprintf(format, args...))
}

func TestComparisons(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, tc := range []struct {
		got, want, unit, allowed float64
		ok                       bool
	}{
		{1, 1, 0, 0, true},
		{1, 1 + 1e-9, 0, 0, false},
		{1, 1.25, 0, 0.25, true},
		{1.25, 1, 0, 0.2, false},
		{-1, 1, 0, 0.5, false},
		{nan, nan, 0, 0, true},
		{nan, 1, 0, inf, false},
		{1, nan, 0, inf, false},
		{inf, inf, 0, 0, true},
		{inf, -inf, 0, 1e300, false},
		{1, inf, 0.5, 1e300, false},
		{1, 1, 0, nan, false},
		// Rounded: 1/256 of the value is free.
		{1, 1 + 1.0/256, UnitBFloat16, 0, true},
		{1, 1 + 1.0/128, UnitBFloat16, 1e-3, false},
		{100, 100.4, UnitBFloat16, 0.01, true},
		{0, 1e-3, UnitBFloat16, 1e-4, false},
	} {
		one, all := &reports{}, &reports{}
		Rounded(one, "a number", tc.got, tc.want, tc.unit, tc.allowed)
		AllRounded(all, "numbers", []float64{0, 5, tc.got}, []float64{0, 5, tc.want}, tc.unit, tc.allowed)
		want := 1
		if tc.ok {
			want = 0
		}
		// With a bound of NaN every comparison fails.
		if len(one.said) != want || len(all.said) != want {
			t.Errorf("%+v: one says %q, all say %q", tc, one.said, all.said)
		}
	}
	r := &reports{}
	AllNear(r, "lengths", []float32{1}, []float64{1, 2}, 9)
	AllNear(r, "elements", []float32{1, 2, 3}, []float64{1, 2.5, 2.9}, 0.1)
	want := []string{
		"lengths: got 1 values, want 2",
		"elements: element 1: got 2, want 2.5: off by 0.5, allowed 0.1",
	}
	if !slices.Equal(r.said, want) {
		t.Errorf("got %q, want %q", r.said, want)
	}
	if at, off := Worst([]float32{1, 2, float32(nan)}, []float64{3, 2, 1}); at != 2 || !math.IsNaN(off) {
		t.Errorf("worst: %v at %d, want NaN at 2", off, at)
	}
	if top := Largest([]float32{1, -4, 2}); top != 4 {
		t.Errorf("largest magnitude %v, want 4", top)
	}
}

// float32 sums in any order stay within Sum. A sum that always rounds in the same
// direction comes close to it.
func TestSum(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const n = 1000
	terms, exact, size := make([]float32, n), 0.0, 0.0
	for i := range terms {
		terms[i] = float32(rng.NormFloat64() * math.Exp(3*rng.NormFloat64()))
		exact += float64(terms[i])
		size += math.Abs(float64(terms[i]))
	}
	for range 100 {
		rng.Shuffle(n, func(i, j int) { terms[i], terms[j] = terms[j], terms[i] })
		inOrder, inLanes := float32(0), [8]float32{}
		for i, v := range terms {
			inOrder += v
			inLanes[i%8] += v
		}
		lanes := float32(0)
		for _, v := range inLanes {
			lanes += v
		}
		Near(t, "sum in order", float64(inOrder), exact, Sum(n, size))
		Near(t, "sum in eight lanes", float64(lanes), exact, Sum(n/8+8, size))
	}

	sum := float32(1)
	for range n - 1 {
		sum += Unit // a tie, which goes to the even neighbor: nothing is added
	}
	exact = 1 + (n-1)*Unit
	if off, bound := math.Abs(float64(sum)-exact), Sum(n, exact); !(off <= bound && off > 0.99*bound) {
		t.Errorf("the worst sum is off by %v, the bound is %v", off, bound)
	}
}

// The file of margins has the comparisons that come close to their bound.
func TestMargins(t *testing.T) {
	path := filepath.Join(t.TempDir(), "margins")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	before := margins
	margins = func() *os.File { return f }
	defer func() { margins = before }()
	r := &reports{}
	Near(r, "little", 1, 1.01, 1)
	Near(r, "much", 1, 1.25, 0.5)
	AllNear(r, "too much", []float64{0, 2}, []float64{0, 1}, 0.5)
	Near(r, "nothing", 1, 1, 0)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := "0.500\tnumeric\tTestOf/numbers\tmuch\t0.25\t0.5\n2.000\tnumeric\tTestOf/numbers\ttoo much\t1\t0.5\n"
	if string(text) != want || len(r.said) != 1 || !strings.HasPrefix(r.said[0], "too much") {
		t.Errorf("margins\n%swant\n%sand it says %q", text, want, r.said)
	}
}
