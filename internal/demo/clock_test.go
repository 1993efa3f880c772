package demo

import (
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
// length was asked for. A single epoch that was disturbed changes nothing.
func TestClock(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		what  string
		fixed bool
		took  []int // seconds of the epochs so far
		want  int
	}{
		{"in time", false, []int{4, 4, 4, 4}, 10},
		{"one epoch", false, []int{30}, 10},
		{"a break in the first epoch", false, []int{19, 4, 4}, 10},
		{"a break later", false, []int{4, 4, 18, 4}, 10},
		{"a long break", false, []int{4, 4, 50, 4}, 6}, // 42 s for 3 and 6
		{"slow", false, []int{8, 8}, 6},                // 84 s for 4 and 6
		{"slower and slower", false, []int{4, 4, 12, 12, 12}, 4},
		{"asked for", true, []int{8, 8}, 10},
	} {
		said, now := 0, start
		k := &clock{
			end: start.Add(100 * time.Second), following: 1, fixed: c.fixed, begin: start, epochs: 10,
			print: func(string, ...any) { said++ },
		}
		for i, s := range c.took {
			now = now.Add(seconds(float64(s)))
			k.epoch(i+1, now)
		}
		if k.epochs != c.want || (said > 0) != (c.want < 10) {
			t.Errorf("%s: %d epochs, want %d; %d notes", c.what, k.epochs, c.want, said)
		}
	}
}
