package golden

import (
	"math"
	"sort"
	"strings"
)

// Counters of the fill formula (testdata/golden/README.md).
const (
	CInput = 1 << 20
	CLoss  = 1<<20 + 1
	CJig   = 1<<20 + 2
)

func splitmix(x uint64) uint64 {
	z := x + 0x9E3779B97F4A7C15
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

func u(c, i uint64) float64 { return float64(splitmix(c<<40+i)>>40) / (1 << 24) }

// signed is s(c, i) = 2u(c, i) - 1 of the fill formula, in [-1, 1).
func signed(c, i uint64) float64 { return 2*u(c, i) - 1 }

// Input returns n values float32(1.7 s(c, i)), the input of a network case.
func Input(c uint64, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(1.7 * signed(c, uint64(i)))
	}
	return x
}

// LossWeights returns n values float32(s(CLoss + 16 seed, i)).
func LossWeights(seed uint64, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(signed(CLoss+16*seed, uint64(i)))
	}
	return x
}

// Fill returns the values of every entry of a state dict (names without "module.") for a
// fill seed.
func Fill(shapes map[string][]int, fillSeed uint64) map[string][]float32 {
	names := make([]string, 0, len(shapes))
	for n := range shapes {
		names = append(names, n)
	}
	sort.Strings(names)
	out := make(map[string][]float32, len(names))
	for p, name := range names {
		out[name] = fillOne(name, shapes[name], uint64(p)+4096*fillSeed)
	}
	return out
}

func fillOne(name string, shape []int, c uint64) []float32 {
	n, fanIn := 1, 1
	for i, d := range shape {
		n *= d
		if i > 0 {
			fanIn *= d
		}
	}
	bound := math.Sqrt(6 / float64(fanIn))
	value := func(i uint64) float64 { return 0.75 + 0.25*signed(c, i) }
	switch {
	case len(shape) >= 2:
		value = func(i uint64) float64 { return signed(c, i) * bound }
	case strings.HasSuffix(name, "running_var"):
		value = func(i uint64) float64 { return 1 + 0.5*u(c, i) }
	case strings.HasSuffix(name, "running_mean"), strings.HasSuffix(name, ".bias"):
		value = func(i uint64) float64 { return 0.1 * signed(c, i) }
	case strings.HasSuffix(name, "num_batches_tracked"):
		value = func(uint64) float64 { return 0 }
	}
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(value(uint64(i)))
	}
	return x
}
