package machine

import (
	"math"
	"testing"
	"time"
)

func TestProcessorTimes(t *testing.T) {
	mine := func(n int) bool { return n != 1 }
	for stat, want := range map[string][2]time.Duration{
		"cpu  1 1 1 1 1 1 1 1 0 0\ncpu0 100 20 30 400 50 6 7 8 9 10\ncpu1 5 5 5 5 5 5 5 5 0 0\ncpu2 1 0 0 2 0 0 0 0 0 0\nintr 5 5 5 5 5 5 5 5 5\n": {1720 * time.Millisecond, 6240 * time.Millisecond},
		"cpu0 100 20 30 400 50 6 7\n":         {},
		"cpu0 100 20 x 400 50 6 7 8 9 10\n":   {},
		"cpu1 100 20 30 400 50 6 7 8 9 10 \n": {},
		"":                                    {},
	} {
		if busy, all := processorTimes(stat, mine); busy != want[0] || all != want[1] {
			t.Errorf("%q: busy %v of %v, want %v", stat, busy, all, want)
		}
	}
}

func TestLoadOfOthers(t *testing.T) {
	const s = time.Second
	for _, tc := range []struct {
		busy, all, own time.Duration
		part, want     float64
	}{
		{3 * s, 4 * s, 2 * s, 1, 0.25},
		{2 * s, 4 * s, 2*s + 1, 1, 0}, // own time has a finer resolution than the system's
		{s, s, 0, 1, 1},
		{s / 4, s / 4, 0, 1, 0}, // too short
		{0, 0, s, 1, 0},
		// With a quota of a quarter, others may use three quarters of the processors.
		{6 * s, 8 * s, 2 * s, 0.25, 0},
		{7 * s, 8 * s, 0, 0.25, 0.5},
		{8 * s, 8 * s, 2 * s, 0.25, 0},
		{8 * s, 8 * s, 0, 0.25, 1},
	} {
		if got := loadOfOthers(tc.busy, tc.all, tc.own, tc.part); math.Abs(got-tc.want) > 1e-12 {
			t.Errorf("busy %v of %v, %v own, a part of %v: %v, want %v", tc.busy, tc.all, tc.own, tc.part, got, tc.want)
		}
	}
}
