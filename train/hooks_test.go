package train

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contralens/config"
	"contralens/rundir"
	"contralens/torch"
	"contralens/views"
	"contralens/world"
)

// painted is a dataset of plain images whose color is their class.
type painted struct{ fake }

func (p painted) Image(_ context.Context, i int, dst *views.Image) error {
	dst.W, dst.H, dst.Pix = 16, 16, make([]uint8, 3*16*16)
	for j := range dst.Pix {
		dst.Pix[j] = uint8(80*p.labels[i] + j%50)
	}
	return nil
}

// A k-NN evaluation that is stopped leaves no result. The next start repeats it, once.
func TestStoppedKNN(t *testing.T) {
	c := config.DefaultContrast()
	c.K, c.BatchSize, c.Epochs, c.InputRes = 8, 4, 2, 16
	inTorch(t, func() {
		r := small(t, 12, c)
		defer r.Close()
		images := painted{fake{make([]int, 700)}}
		for i := range images.labels {
			images.labels[i] = i % 3
		}
		r.Train, r.Bank, r.Test = images, images, images
		count := func() (n int) {
			results, err := rundir.ReadResults(r.Dir)
			if errors.Is(err, fs.ErrNotExist) {
				return 0
			}
			if err != nil {
				t.Fatal(err)
			}
			return len(results)
		}
		ctx, cancel := context.WithCancel(context.Background())
		calls, reports := 0, 0
		report := func(int, float64) { reports++ }
		stopped := KNNHook(ctx, 1, report, func(int, int) { calls++; cancel() })
		if err := stopped.Start(r); !errors.Is(err, ErrStopped) || calls != 1 || reports != 0 || count() != 0 {
			t.Errorf("stopped after the first batch: %v, %d batches, %d reports, %d results", err, calls, reports, count())
		}
		for range 2 {
			if err := KNNHook(context.Background(), 1, report, nil).Start(r); err != nil {
				t.Fatal(err)
			}
		}
		if reports != 1 || count() != 1 {
			t.Errorf("made up for %d times, %d results", reports, count())
		}
		r.Epoch, r.StepInEpoch = 2, 1
		if err := stopped.Start(r); err != nil || reports != 1 {
			t.Errorf("in the middle of an epoch: %v, %d reports", err, reports)
		}
	})
}

// inTorch runs f inside torch.Run, in its own scope.
func inTorch(t *testing.T, f func()) {
	t.Helper()
	if err := torch.Run(func() error { torch.Scoped(f); return nil }); err != nil {
		t.Fatal(err)
	}
}

// TestHookOrder: hooks and the monitors of every run are sorted by their order; those of
// the same order run as they are listed. A state needs a name of its own.
func TestHookOrder(t *testing.T) {
	c := config.DefaultContrast()
	c.K, c.BatchSize = 8, 4
	inTorch(t, func() {
		r := small(t, 12, c)
		defer r.Close()
		r.monitors = []Hook{watchCollapse(), watchOnset()}
		var ran []string
		hook := func(name string, order Order) Hook {
			return Hook{Order: order, Epoch: func(*Run) error { ran = append(ran, name); return nil }}
		}
		r.Hooks = []Hook{hook("knn", Evaluate), hook("record", Records), hook("save", Save), hook("mine", Records), hook("line", Display)}
		if err := r.each(func(h Hook) func(*Run) error { return h.Epoch }); err != nil {
			t.Fatal(err)
		}
		if got, want := fmt.Sprint(ran), "[line record mine save knn]"; got != want {
			t.Errorf("hooks ran as %s, want %s", got, want)
		}
		if items, err := r.states(); err != nil || len(items) != 2 || items[0].Key != "collapse" || items[1].Key != "mix_start" {
			t.Errorf("want the states of both monitors, got %v (%v)", items, err)
		}
		for _, name := range []string{"collapse", "", "epoch", "rng", "method", "queue_index", "origins"} {
			r.Hooks = []Hook{{Name: name, State: func() any { return struct{}{} }}}
			if _, err := r.states(); err == nil {
				t.Errorf("a state under the name %q is accepted", name)
			}
			if err := r.Do(context.Background()); err == nil || !strings.Contains(err.Error(), "want a name of its own") {
				t.Errorf("a run with a hook of the name %q: %v, want it refused", name, err)
			}
		}
	})
}

// TestHookEnds: after ErrDone and ErrStopped the hooks that follow still run, so that no
// file lacks a step of the checkpoint. ErrStopped wins, and a failure ends all at once.
func TestHookEnds(t *testing.T) {
	failure := errors.New("failure")
	r := &Run{}
	for _, c := range []struct {
		errs []error
		want error
		ran  int
	}{
		{[]error{ErrDone, nil, nil}, ErrDone, 3},
		{[]error{nil, ErrStopped, nil}, ErrStopped, 3},
		{[]error{ErrDone, ErrStopped, nil}, ErrStopped, 3},
		{[]error{ErrStopped, ErrDone, nil}, ErrStopped, 3},
		{[]error{ErrDone, failure, nil}, failure, 2},
	} {
		ran := 0
		r.Hooks = nil
		for _, err := range c.errs {
			r.Hooks = append(r.Hooks, Hook{Epoch: func(*Run) error { ran++; return err }})
		}
		err := r.each(func(h Hook) func(*Run) error { return h.Epoch })
		if err != c.want || ran != c.ran {
			t.Errorf("%v: got %v after %d hooks, want %v after %d", c.errs, err, ran, c.want, c.ran)
		}
	}
}

// TestWorld: only the first of several processes runs the hooks that write; all run those
// that decide something. Without a group, several processes cannot train.
func TestWorld(t *testing.T) {
	c := config.DefaultContrast()
	c.K, c.BatchSize = 8, 4
	inTorch(t, func() {
		r := small(t, 12, c)
		defer r.Close()
		r.monitors = []Hook{watchCollapse(), watchOnset()}
		r.Hooks = []Hook{CheckpointHook(1, 0)}
		said := 0
		r.Say = func(string, ...any) { said++ }
		for rank, want := range []int{3, 2} {
			r.World = world.World{Rank: rank, Size: 2}
			if got := len(r.hooks()); got != want {
				t.Errorf("rank %d runs %d hooks, want %d", rank, got, want)
			}
			path := filepath.Join(r.Dir, "state.pth")
			if err := r.Save(path); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(path); (err == nil) != r.World.First() {
				t.Errorf("rank %d saves: %v, want a checkpoint of the first rank alone", rank, err)
			}
			os.Remove(path)
			r.say("hello")
			if err := r.Do(context.Background()); err == nil || !strings.Contains(err.Error(), "want a group of processes") {
				t.Errorf("rank %d trains: %v", rank, err)
			}
		}
		if said != 1 {
			t.Errorf("%d processes speak to the user, want the first", said)
		}
	})
}
