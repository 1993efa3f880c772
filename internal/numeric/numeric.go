// Package numeric compares the numbers that a program computes with those that it
// should, in tests that must hold on every processor.
//
// The same sum rounds differently on another processor: OpenBLAS, oneDNN and libtorch
// have kernels for each, which add in another order and with or without fused
// multiply-add. So a bound comes from what rounding can do at most, not from what was
// seen on one machine: either both sides are computed in float64 and agree to about
// 1e-12, or the bound in float32 is composed of Sum and Unit. Higham, "Accuracy and
// Stability of Numerical Algorithms" (2002), chapter 3, has the theory.
package numeric

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Unit roundoffs: the most by which rounding to the nearest number changes a value,
// as a share of it.
const (
	Unit         = 0x1p-24 // of float32
	UnitHalf     = 0x1p-11 // of half precision
	UnitBFloat16 = 0x1p-8  // of bfloat16
)

// Sum returns the most by which a float32 sum of n terms can be off, in whatever order
// it is added: γ_n·size = nu/(1-nu)·size, where size is the sum of the terms'
// magnitudes. A dot product of n pairs is such a sum; count one more for each rounding
// that a term has behind it already.
func Sum(n int, size float64) float64 {
	nu := float64(n) * Unit
	return nu / (1 - nu) * size
}

// Near fails the test when got is further from want than allowed, or when one of them
// is NaN and the other is not.
func Near(t testing.TB, what string, got, want, allowed float64) {
	t.Helper()
	off := math.Abs(got - want)
	if got == want || math.IsNaN(got) && math.IsNaN(want) {
		off = 0
	}
	Margin(t, what, off, allowed)
	if !(off <= allowed) {
		t.Errorf("%s: got %v, want %v: off by %.3g, allowed %.3g", what, got, want, off, allowed)
	}
}

// Rounded is Near for a number that has been rounded to a coarser type on purpose, by
// at most unit of itself: only what is beyond that counts as off.
func Rounded(t testing.TB, what string, got, want, unit, allowed float64) {
	t.Helper()
	d := math.Abs(got - want)
	off := max(0, d-unit*max(math.Abs(got), math.Abs(want)))
	Margin(t, what, off, allowed)
	if !(off <= allowed) {
		t.Errorf("%s: got %v, want %v: off by %.3g beside rounding by %.3g of it, allowed %.3g", what, got, want, off, unit, allowed)
	}
}

// Float is what AllNear compares.
type Float interface{ float32 | float64 }

// AllNear fails the test when got and want differ in length or, anywhere, by more than
// allowed.
func AllNear[G, W Float](t testing.TB, what string, got []G, want []W, allowed float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: got %d values, want %d", what, len(got), len(want))
		return
	}
	at, worst := Worst(got, want)
	Margin(t, what, worst, allowed)
	if !(worst <= allowed) {
		t.Errorf("%s: element %d: got %v, want %v: off by %.3g, allowed %.3g", what, at, got[at], want[at], worst, allowed)
	}
}

// Worst returns where got is furthest from want, and how far: NaN where one of them is
// NaN, infinity where one of them is infinite.
func Worst[G, W Float](got []G, want []W) (at int, off float64) {
	for i := range want {
		g, w := float64(got[i]), float64(want[i])
		if g == w {
			continue
		}
		if d := math.Abs(g - w); d > off || math.IsNaN(d) {
			at, off = i, d
		}
		if math.IsNaN(off) {
			break
		}
	}
	return at, off
}

// Largest returns the largest magnitude of values.
func Largest[F Float](values []F) (top float64) {
	for _, v := range values {
		top = max(top, math.Abs(float64(v)))
	}
	return top
}

// MarginsEnv is the environment variable that names a file to which every comparison
// appends its margin, the distance as a share of what is allowed, when that is above
// 1/8: margin, test program, test, what is compared, distance and allowed distance,
// with tabs between them. Tests that use up most of a bound on one processor may miss
// it on another.
const MarginsEnv = "CONTRALENS_MARGINS"

var margins = sync.OnceValue(func() *os.File {
	path := os.Getenv(MarginsEnv)
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		panic(fmt.Sprintf("%s: want a file that can be written: %v", MarginsEnv, err))
	}
	return f
})

// Margin records how much of a bound a comparison used that a test makes itself.
func Margin(t testing.TB, what string, off, allowed float64) {
	f := margins()
	if f == nil || off == 0 || off/allowed <= 0.125 {
		return
	}
	program := strings.TrimSuffix(filepath.Base(os.Args[0]), ".test")
	fmt.Fprintf(f, "%.4f\t%s\t%s\t%s\t%.3g\t%.3g\n", off/allowed, program, t.Name(), what, off, allowed)
}
