package train

import (
	"strings"
	"testing"
	"time"

	"contralens/methods"
	"contralens/peers"
)

// The process that all others wait for is named with what it does, and small differences are
// not.
func TestSlowest(t *testing.T) {
	ms := func(wait, compute int) methods.Control {
		return methods.Control{Wait: time.Duration(wait) * time.Millisecond, Compute: time.Duration(compute) * time.Millisecond}
	}
	for name, tc := range map[string]struct {
		ranks []methods.Control
		want  string
	}{
		"images":           {[]methods.Control{ms(20, 200), ms(20, 210), ms(310, 190), ms(10, 200)}, "node waits for images 0.31 s a step, where others take 0.02 s"},
		"computing":        {[]methods.Control{ms(0, 200), ms(0, 300)}, "node computes 0.30 s a step, where others take 0.20 s"},
		"alike":            {[]methods.Control{ms(20, 200), ms(30, 220), ms(20, 210)}, ""},
		"short steps":      {[]methods.Control{ms(1, 2), ms(5, 2)}, ""},
		"the first of two": {[]methods.Control{ms(90, 100), ms(0, 100)}, "node waits for images 0.09 s a step"},
	} {
		var times rankTimes
		for range slowSteps {
			times.add(tc.ranks)
		}
		s, found := times.slowest()
		if got := s.describe("node"); found != (tc.want != "") || found && !strings.Contains(got, tc.want) {
			t.Errorf("%s: %v, %q, want %q", name, found, got, tc.want)
		}
	}
	var times rankTimes
	times.add([]methods.Control{ms(10, 40), ms(20, 60)})
	times.add([]methods.Control{ms(30, 40), ms(20, 60)})
	if wait, compute := times.means(); wait[0] != 0.02 || compute[1] != 0.06 {
		t.Errorf("means %v and %v, want 0.02 s of waiting of the first and 0.06 s of computing of the second", wait, compute)
	}
}

// Weights of which one process has others stop the training, and name it.
func TestCompare(t *testing.T) {
	r := &Run{peers: peers.Peers{Names: []string{"rank 0 (a)", "rank 1 (a)", "rank 2 (b)"}}}
	sums := func(list ...uint64) (ranks []methods.Control) {
		for _, s := range list {
			ranks = append(ranks, methods.Control{Checksum: s})
		}
		return ranks
	}
	for _, tc := range []struct {
		step int
		sums []uint64
		want string
	}{{100, []uint64{7, 7, 7}, ""}, {101, []uint64{0, 0, 0}, ""},
		{200, []uint64{8, 8, 9}, "weights of rank 2 (b) differ from those of the others since between step 100 and 200"},
		{200, []uint64{5, 8, 8}, "weights of rank 0 (a) differ"}} {
		err := r.compare(tc.step, sums(tc.sums...))
		if (err != nil) != (tc.want != "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v: %v, want %q", tc.sums, err, tc.want)
		}
	}
	r.saved = "current.pth"
	for step, want := range map[int]string{100: "the last good checkpoint is current.pth, of step 100", 150: "current.pth, of step 150, may have wrong weights"} {
		r.compared, r.savedStep = 100, step
		if err := r.LastGood(r.compare(200, sums(8, 8, 9))); !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
