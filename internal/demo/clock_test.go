package demo

import (
	"strings"
	"testing"
	"time"
)

func TestPaceLeft(t *testing.T) {
	p := pace{epoch: 10 * time.Second, evaluation: 3 * time.Second, following: 1}
	// 6 epochs and an evaluation, then 10 epochs and two evaluations.
	if got, want := p.left(4, 10), 169*time.Second; got != want {
		t.Errorf("the first of two: %v left, want %v", got, want)
	}
	p.following = 0
	if got, want := p.left(4, 10), 63*time.Second; got != want {
		t.Errorf("the last: %v left, want %v", got, want)
	}
}

func TestPaceFits(t *testing.T) {
	for _, c := range []struct {
		following, done int
		left            time.Duration
		want            int
	}{
		{1, 1, time.Hour, 10},            // never more than planned
		{1, 1, 199 * time.Second, 10},    // all of it, to the second
		{1, 1, 198 * time.Second, 9},     // both are shorter
		{1, 1, 100 * time.Second, 5},     //
		{1, 7, 80 * time.Second, 7},      // what is done stays
		{0, 1, 63 * time.Second, 7},      //
		{0, 3, -10 * time.Second, 3},     // late already
		{1, 1, -1000 * time.Second, 1},   //
		{0, 10, -1000 * time.Second, 10}, // at the end
	} {
		p := pace{epoch: 10 * time.Second, evaluation: 3 * time.Second, following: c.following}
		if got := p.fits(c.done, 10, c.left); got != c.want {
			t.Errorf("%+v: got %d", c, got)
		}
	}
}

// A training becomes shorter if epochs take longer than planned, and says so, unless its
// length was asked for.
func TestClock(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, fixed := range []bool{false, true} {
		var said []string
		k := &clock{
			end: now.Add(100 * time.Second), following: 1, fixed: fixed, begin: now, epochs: 10,
			print: func(format string, _ ...any) { said = append(said, format) },
		}
		got := k.epoch(1, now.Add(4*time.Second)) // 80 s for all
		if got != 10 || len(said) > 0 {
			t.Errorf("in time: %d epochs, %q", got, said)
		}
		got = k.epoch(2, now.Add(20*time.Second)) // 200 s
		if want := map[bool]int{false: 5, true: 10}[fixed]; got != want || k.epochs != want {
			t.Errorf("late, fixed %v: %d epochs, want %d", fixed, got, want)
		}
		if told := len(said) == 1 && strings.Contains(said[0], "longer than measured"); told == fixed {
			t.Errorf("late, fixed %v: said %q", fixed, said)
		}
	}
}
