// Package numeric compares computed numbers with expected ones, in tests that must hold
// on every processor.
//
// The same sum rounds differently on another processor: OpenBLAS, oneDNN and libtorch have
// kernels for each, which add in another order and with or without fused multiply-add. So
// a bound must follow from the largest possible rounding error, not from the error seen on
// one machine. Either both sides are computed in float64 and agree to about 1e-12, or the
// bound in float32 is composed of Sum and Unit. The theory is in Higham, "Accuracy and
// Stability of Numerical Algorithms" (2002), chapter 3.
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

// Unit roundoffs: the largest relative error of rounding to the nearest number of a type.
const (
	Unit         = 0x1p-24 // float32
	UnitHalf     = 0x1p-11 // half precision
	UnitBFloat16 = 0x1p-8  // bfloat16
)

// Sum returns the largest error of a float32 sum of n terms in any order of addition:
// γ_n·size = nu/(1-nu)·size, where u is Unit and size the sum of the terms' magnitudes.
// A dot product of n pairs is such a sum. Add one to n for each rounding that has already
// happened to a term.
func Sum(n int, size float64) float64 {
	nu := float64(n) * Unit
	return nu / (1 - nu) * size
}

// Float is a type that can be compared.
type Float interface{ float32 | float64 }

// Near fails the test if got differs from want by more than allowed, or if exactly one of
// them is NaN.
func Near(t testing.TB, what string, got, want, allowed float64) {
	t.Helper()
	Rounded(t, what, got, want, 0, allowed)
}

// Rounded is Near for a number that was intentionally rounded to a coarser type with unit
// roundoff unit. Only a difference beyond that rounding counts.
func Rounded(t testing.TB, what string, got, want, unit, allowed float64) {
	t.Helper()
	off := beyond(got, want, unit)
	Margin(t, what, off, allowed)
	if !(off <= allowed) {
		t.Errorf("%s: got %v, want %v: off by %.3g%s, allowed %.3g", what, got, want, off, beside(unit), allowed)
	}
}

// AllNear fails the test if got and want differ in length, or any element by more than
// allowed.
func AllNear[G, W Float](t testing.TB, what string, got []G, want []W, allowed float64) {
	t.Helper()
	AllRounded(t, what, got, want, 0, allowed)
}

// AllRounded is AllNear for numbers that were intentionally rounded to a coarser type with
// unit roundoff unit. Only differences beyond that rounding count.
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

// beside describes the rounding that a difference does not include.
func beside(unit float64) string {
	if unit == 0 {
		return ""
	}
	return fmt.Sprintf(" beyond rounding by %.3g of it", unit)
}

// Worst returns the index of the largest difference between got and want, which must have
// the same length, and the difference: NaN if exactly one of the two is NaN, infinity if
// exactly one is infinite.
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

// beyond returns the part of the difference between got and want that rounding with the
// unit roundoff unit does not explain.
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

// MarginsEnv is the environment variable that names a file for Margin to append to.
const MarginsEnv = "CONTRALENS_MARGINS"

// Margin records how close a comparison came to its bound, if the difference is more than
// a tenth of what is allowed. It appends a line to the file of MarginsEnv, separated by
// tabs: the fraction, the test program, the test, what is compared, the difference and the
// bound. A test that uses up most of a bound on one processor may fail on another.
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
		panic(fmt.Sprintf("%s: want a writable file: %v", MarginsEnv, err))
	}
	return f
})
