package methods

import (
	"testing"
	"time"
)

// TestClock enters nested and consecutive phases.
func TestClock(t *testing.T) {
	const nap = 20 * time.Millisecond
	var c Clock
	sleep := func(n int) { time.Sleep(time.Duration(n) * nap) }
	begin := time.Now()
	leave := c.Enter(Contrast)
	sleep(1)
	for range 2 {
		inner := c.Enter(Query)
		sleep(1)
		inner()
	}
	sleep(1)
	c.Enter(Backward)
	sleep(3)
	leave()
	sleep(1)
	got, all := c.Times(), time.Since(begin)
	for p, naps := range map[Phase]int{Contrast: 2, Query: 2, Backward: 3, Other: 1, Key: 0} {
		want := time.Duration(naps) * nap
		if got[p] < want || got[p] > want+all-8*nap {
			t.Errorf("%s: %v of %v, want %v", p, got[p], all, want)
		}
	}
	if d := all - got.Total(); d < 0 || d > nap/2 {
		t.Errorf("phases add up to %v of %v", got.Total(), all)
	}
	sleep(1)
	later := c.Times().Sub(got)
	if later[Other] < nap || later[Other] != later.Total() {
		t.Errorf("since then %v, want %v of other alone", later, nap)
	}
}
