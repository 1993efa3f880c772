package train

import (
	"context"
	"testing"
	"time"

	"contralens/config"
	"contralens/methods"
	"contralens/torch"
	"contralens/world"
)

// TestPhases trains for two epochs. Every phase that a method has takes time, the others
// take none, and together they take as long as the training.
func TestPhases(t *testing.T) {
	folder := writePatches(t, 32, 40)
	for method, without := range map[string][]methods.Phase{"MoCov2": nil, "InsDis": {methods.Key}, "SimCLR": {methods.Key, methods.Enqueue}, "BYOL": {methods.Enqueue}} {
		t.Run(method, func(t *testing.T) {
			c := methodRun(t, folder, func(c *config.Contrast) { c.Method = method })
			var got methods.Times
			var all time.Duration
			err := torch.Run(func() error {
				r, err := NewRun(context.Background(), world.Single(), c, t.TempDir(), nil)
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
			want := map[methods.Phase]bool{}
			for p := range methods.Phase(len(got)) {
				want[p] = true
			}
			for _, p := range without {
				want[p] = false
			}
			for p := range methods.Phase(len(got)) {
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
