package train

import (
	"context"
	"io/fs"
	"os"
	"testing"
	"time"

	"contralens/detect"
	"contralens/internal/tensortest"
	"contralens/peers"
	"contralens/rundir"
	"contralens/world"
)

// slowNorms is a toy whose norms take a while to be measured.
type slowNorms struct {
	*toy
	while time.Duration
	times int
}

func (m *slowNorms) MeasureNorms(n int, seed uint64, next func() (*detect.Batch, error)) error {
	time.Sleep(m.while)
	m.times++
	return m.toy.MeasureNorms(n, seed, next)
}

// The time left and the speed are those of iterations: time in which norms were measured or the model
// was tested is none of theirs, wherever in a window it lies.
func TestClockOmitsNormsAndTests(t *testing.T) {
	tensortest.Run(t, func() {
		var log []string
		m := newToy()
		r := run(t.TempDir(), m, &log)
		defer m.free(r)
		slow := &slowNorms{toy: m, while: 5 * time.Millisecond}
		r.Model = slow
		test := r.Test
		r.Test = func(ctx context.Context) (Score, error) {
			time.Sleep(slow.while)
			return test(ctx)
		}
		start := since(r)
		if err := r.Do(context.Background()); err != nil {
			t.Fatal(err)
		}
		least := time.Duration(2*slow.times) * slow.while
		if slow.times != 3 || r.aside < least {
			t.Errorf("norms measured %d times: %v are none of the iterations', want at least %v", slow.times, r.aside, least)
		}
		whole := time.Since(start.begin)
		if got := start.elapsed(r); got > time.Since(start.begin)-least || got < whole-r.aside {
			t.Errorf("%v of %v for iterations, with %v for norms and tests", got, whole, r.aside)
		}
		w := window{clock: clock{time.Now().Add(-time.Hour), r.aside}, images: 3600}
		r.aside += time.Hour - time.Minute
		if got := w.speed(r); got > 60 || got < 30 { // 3600 images in the one minute that is left
			t.Errorf("%v images/s, want about 60", got)
		}
	})
}

// Metrics have the shares of the regions that were classified right: of 16, 12; of 4 with an object, 2,
// and 1 was taken for background.
func TestSharesOfRegions(t *testing.T) {
	tensortest.Run(t, func() {
		var log []string
		m := newToy()
		r := run(t.TempDir(), m, &log)
		defer m.free(r)
		if err := r.Do(context.Background()); err != nil {
			t.Fatal(err)
		}
		lines := 0
		for _, l := range rundir.LastMetrics(os.DirFS(r.Dir).(fs.StatFS)) {
			if l.Loss == nil {
				continue
			}
			lines++
			if d := l.DetectionMetrics; *d.Accuracy != 75 || *d.ForegroundAccuracy != 50 || *d.Missed != 25 {
				t.Errorf("%v, %v and %v %%, want 75, 50 and 25", *d.Accuracy, *d.ForegroundAccuracy, *d.Missed)
			}
		}
		if lines != 6 {
			t.Errorf("%d lines, want 6", lines)
		}
	})
	var none shares // without regions there is nothing to tell
	none.each(func(name string, share float64) { t.Errorf("%s %v", name, share) })
}

// The numbers of regions are those of all processes.
func TestSharesOfProcesses(t *testing.T) {
	r := &Run{Peers: &peers.Peers{World: world.World{Size: 2}}}
	s := Step{Terms: make([]Value, 1)}
	row := func(right, foreground, missed float64) []float64 {
		return append([]float64{1, 1, right, foreground, missed}, told{foreground: 2, background: 6, images: 2}.values()...)
	}
	r.hear(&s, append(row(12, 2, 1), row(8, 4, 0)...))
	if s.Right != 20 || s.RightForeground != 6 || s.Missed != 1 || s.Foreground != 2 || s.Images != 4 {
		t.Errorf("%+v", s)
	}
	var c shares
	c.add(s)
	if c.all != 32 || c.foreground != 8 {
		t.Errorf("%+v", c)
	}
}
