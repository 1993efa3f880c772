package torch

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// The histogram by operators has the counts of the kernel: at the borders of bins, next
// to them, beyond the range, and for NaN.
func TestHistogram(t *testing.T) { eachLevel(t, histogram) }

func histogram(t *testing.T) {
	for _, c := range []struct {
		bound float64
		bins  int
	}{{1, 2048}, {2, 2048}, {1, 4}, {1, 1}, {4, 64}} {
		rng := rand.New(rand.NewPCG(uint64(c.bins), 1))
		inf := float32(math.Inf(1))
		values := []float32{float32(math.NaN()), inf, -inf, 0, float32(math.Copysign(0, -1)),
			3 * float32(c.bound), -3 * float32(c.bound)}
		for i := range c.bins + 1 {
			border := float32(-c.bound + 2*c.bound*float64(i)/float64(c.bins))
			values = append(values, border, math.Nextafter32(border, -inf), math.Nextafter32(border, inf))
		}
		for range 5000 {
			values = append(values, float32(rng.NormFloat64()*0.4*c.bound))
		}
		inRun(t, func() {
			x := FromFloat32(values, 1, len(values))
			want := x.Summarize(-c.bound, c.bound, c.bins).Counts
			got := x.Histogram(-c.bound, c.bound, c.bins)
			if got.Dtype() != Int32 || !slices.Equal(got.Int64s(), want) {
				t.Errorf("bound %v, %d bins: counts differ from the kernel's", c.bound, c.bins)
			}
		})
	}
}

// More elements of one bin than float32 can count one by one.
func TestHistogramOfMany(t *testing.T) {
	inRun(t, func() {
		const n = histogramPart + 3
		x := Zeros([]int{1}).Expand(n, 1)
		if got := x.Histogram(-1, 1, 2).Int64s(); got[0] != 0 || got[1] != n {
			t.Errorf("counts %v, want [0 %d]", got, n)
		}
	})
	for _, c := range [][3]float64{{0, -1, 1}, {4, 1, 1}, {4, 1, math.NaN()}} {
		if err := Run(func() error { Ones([]int{1}).Histogram(c[1], c[2], int(c[0])); return nil }); err == nil {
			t.Errorf("%v bins from %v to %v are accepted", c[0], c[1], c[2])
		}
	}
}

// Integer operators compute as Go's uint64 does.
func TestIntegers(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	values := []uint64{0, 1, math.MaxUint64, 1 << 63, 1<<63 - 1, 1 << 32}
	for range 20 {
		values = append(values, rng.Uint64())
	}
	signed := make([]int64, len(values))
	for i, v := range values {
		signed[i] = int64(v)
	}
	factor := uint64(0xbf58476d1ce4e5b9)
	inRun(t, func() {
		if got := ArangeOn(3, CPU).Int64s(); !slices.Equal(got, []int64{0, 1, 2}) {
			t.Errorf("0, 1, 2 are %v", got)
		}
		x := FromInt64(signed, len(signed))
		for what, c := range map[string]struct {
			got  *Tensor
			want func(v uint64) uint64
		}{
			"product":     {x.MulInt(int64(factor)), func(v uint64) uint64 { return v * factor }},
			"sum":         {x.AddInt(int64(factor)), func(v uint64) uint64 { return v + factor }},
			"shift left":  {x.ShiftLeft(32), func(v uint64) uint64 { return v << 32 }},
			"shift right": {x.ShiftRight(27), func(v uint64) uint64 { return v >> 27 }},
			"low bits":    {x.LowBits(32), func(v uint64) uint64 { return v & (1<<32 - 1) }},
			"xor":         {x.Xor(x.ShiftRight(30)), func(v uint64) uint64 { return v ^ v>>30 }},
		} {
			for i, got := range c.got.Int64s() {
				if uint64(got) != c.want(values[i]) {
					t.Errorf("%s of %#x: got %#x, want %#x", what, values[i], uint64(got), c.want(values[i]))
				}
			}
		}
	})
}

// Draws depend on the generator's seed alone; a permutation has each number once.
func TestGeneratorArguments(t *testing.T) {
	draw := func(seed uint64) (order []int64, gamma []float64) {
		inRun(t, func() {
			g := NewGenerator(seed, CPU)
			defer g.Free()
			order = RandomPermutation(100, g).Int64s()
			gamma = Full([]int{40000}, 2.5).StandardGamma(g).Float64s()
		})
		return order, gamma
	}
	order, gamma := draw(1)
	again, gammaAgain := draw(1)
	if !slices.Equal(order, again) || !slices.Equal(gamma, gammaAgain) {
		t.Error("two generators with one seed differ")
	}
	if other, _ := draw(2); slices.Equal(order, other) {
		t.Error("two seeds give the same permutation")
	}
	slices.Sort(order)
	for i, v := range order {
		if v != int64(i) {
			t.Fatalf("not a permutation: %v", order)
		}
	}
	mean, square := 0.0, 0.0
	for _, v := range gamma {
		mean += v / float64(len(gamma))
		square += v * v / float64(len(gamma))
	}
	// A Gamma(a) variable has mean a and variance a; the bounds are five standard errors.
	if math.Abs(mean-2.5) > 0.04 || math.Abs(square-mean*mean-2.5) > 0.13 {
		t.Error(fmt.Sprint("mean ", mean, ", variance ", square-mean*mean, ", want 2.5 and 2.5"))
	}
}
