package train

import (
	"context"
	"testing"
	"time"

	"contralens/detect"
	"contralens/internal/tensortest"
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
