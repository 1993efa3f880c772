package train

import (
	"context"
	"testing"
	"time"

	"contralens/config"
	"contralens/torch"
)

// TestClock enters phases within phases and one after the other.
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

// TestPhases trains two epochs: every phase that a method has takes time, those
// that it hasn't take none, and together they are the training.
func TestPhases(t *testing.T) {
	folder := writePatches(t, 32, 40)
	for method, without := range map[string][]Phase{"MoCov2": nil, "InsDis": {Key}, "SimCLR": {Key, Enqueue}, "BYOL": {Enqueue}} {
		t.Run(method, func(t *testing.T) {
			c := methodRun(t, folder, func(c *config.Contrast) { c.Method = method })
			var got Times
			var all time.Duration
			err := torch.Run(func() error {
				r, err := NewRun(c, t.TempDir(), nil)
				if err != nil {
					return err
				}
				defer r.Close()
				r.Hooks = []Hook{{Step: func(*Run, Step) error { time.Sleep(time.Millisecond); return nil }}}
				begin := time.Now()
				err = r.Do(context.Background())
				got, all = r.Model.Clock.Times(), time.Since(begin)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			want := map[Phase]bool{}
			for p := range phases {
				want[p] = true
			}
			for _, p := range without {
				want[p] = false
			}
			for p := range phases {
				if (got[p] > 0) != want[p] {
					t.Errorf("%s took %v", p, got[p])
				}
			}
			if d := all - got.Total(); d < 0 || d > all/10 {
				t.Errorf("phases add up to %v of %v", got.Total(), all)
			}
		})
	}
}
