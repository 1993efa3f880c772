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

// Unit roundoffs: the most by which rounding to the nearest number of a type changes a
// value, as a share of it.
const (
	Unit         = 0x1p-24 // float32
	UnitHalf     = 0x1p-11 // half precision
	UnitBFloat16 = 0x1p-8  // bfloat16
)

// Sum returns the most by which a float32 sum of n terms can be off, in whatever order
// it is added: γ_n·size = nu/(1-nu)·size, where u is Unit and size the sum of the terms'
// magnitudes. A dot product of n pairs is such a sum; count one more for each rounding
// that a term has behind it already.
func Sum(n int, size float64) float64 {
	nu := float64(n) * Unit
	return nu / (1 - nu) * size
}

// Float is a type that is compared.
type Float interface{ float32 | float64 }

// Near fails the test when got is further from want than allowed, or when one of them
// is NaN and the other is not.
func Near(t testing.TB, what string, got, want, allowed float64) {
	t.Helper()
	Rounded(t, what, got, want, 0, allowed)
}

// Rounded is Near for a number that was rounded to a coarser type on purpose, by at
// most unit of itself: only what is beyond that counts.
func Rounded(t testing.TB, what string, got, want, unit, allowed float64) {
	t.Helper()
	off := beyond(got, want, unit)
	Margin(t, what, off, allowed)
	if !(off <= allowed) {
		t.Errorf("%s: got %v, want %v: off by %.3g%s, allowed %.3g", what, got, want, off, beside(unit), allowed)
	}
}

// AllNear fails the test when got and want differ in length or, anywhere, by more than
// allowed.
func AllNear[G, W Float](t testing.TB, what string, got []G, want []W, allowed float64) {
	t.Helper()
	AllRounded(t, what, got, want, 0, allowed)
}

// AllRounded is AllNear for numbers that were rounded to a coarser type on purpose, each
// by at most unit of itself: only what is beyond that counts.
func AllRounded[G, W Float](t testing.TB, what string, got []G, want []W, unit, allowed float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: got %d values, want %d", what, len(got), len(want))
		return
	}
	at, off := worst(got, want, unit)
	Margin(t, what, off, allowed)
	if !(off <= allowed) {
		t.Errorf("%s: element %d: got %v, want %v: off by %.3g%s, allowed %.3g", what, at, got[at], want[at], off,
			beside(unit), allowed)
	}
}

// beside says what a distance is counted beside.
func beside(unit float64) string {
	if unit == 0 {
		return ""
	}
	return fmt.Sprintf(" beside %.3g of it", unit)
}

// Worst returns where got is furthest from want, which has as many values, and how far:
// NaN where one of them is NaN, infinity where one of them is infinite.
func Worst[G, W Float](got []G, want []W) (at int, off float64) { return worst(got, want, 0) }

func worst[G, W Float](got []G, want []W, unit float64) (at int, off float64) {
	for i := range want {
		if d := beyond(float64(got[i]), float64(want[i]), unit); d > off || math.IsNaN(d) {
			at, off = i, d
		}
		if math.IsNaN(off) {
			break
		}
	}
	return at, off
}

// beyond is how far got is from want beside what rounding by unit explains.
func beyond(got, want, unit float64) float64 {
	switch {
	case got == want, math.IsNaN(got) && math.IsNaN(want):
		return 0
	case math.IsInf(got, 0), math.IsInf(want, 0):
		return math.Inf(1)
	}
	return max(0, math.Abs(got-want)-unit*max(math.Abs(got), math.Abs(want)))
}

// Largest returns the largest magnitude of values.
func Largest[F Float](values []F) (top float64) {
	for _, v := range values {
		top = max(top, math.Abs(float64(v)))
	}
	return top
}

// MarginsEnv is the environment variable that names a file to which comparisons append
// how much of what is allowed they use, when that is more than a tenth.
const MarginsEnv = "CONTRALENS_MARGINS"

// Margin records that a comparison is off by so much of what is allowed: the share, the
// test program, the test, what is compared, and both numbers, in a line with tabs
// between them. Tests that use up most of a bound on one processor may miss it on
// another.
func Margin(t testing.TB, what string, off, allowed float64) {
	if f := margins(); f != nil && off > 0.1*allowed {
		program := strings.TrimSuffix(filepath.Base(os.Args[0]), ".test")
		fmt.Fprintf(f, "%.3f\t%s\t%s\t%s\t%.3g\t%.3g\n", off/allowed, program, t.Name(), what, off, allowed)
	}
}

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
