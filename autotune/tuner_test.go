package autotune

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"contralens/torch"
	"contralens/views"
)

// tunerFor returns a Tuner with its own cache, while other programs take a fraction of
// the processors. notes returns the notes that it has given so far.
func tunerFor(t *testing.T, others float64) (*Tuner, func() string) {
	var notes []string
	tuner := &Tuner{
		Cache: Cache{Path: filepath.Join(t.TempDir(), "tune.json"), Key: "this machine"},
		Note:  func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) },
		Load:  func() func() float64 { return func() float64 { return others } },
	}
	return tuner, func() string { return strings.Join(notes, "\n") }
}

func inTorch(t *testing.T, f func() error) {
	t.Helper()
	err := torch.Run(func() error {
		defer torch.SetThreads(torch.Threads())
		torch.SetThreads(1)
		return f()
	})
	if err != nil {
		t.Error(err)
	}
}

// A measurement is remembered until Retune asks for a new one.
func TestTunerRemembers(t *testing.T) {
	inTorch(t, func() error {
		tuner, notes := tunerFor(t, 0)
		var shown []string
		tuner.Show = func(what string) { shown = append(shown, what) }
		for _, c := range []struct{ retune, remembered bool }{{false, false}, {false, true}, {true, false}} {
			tuner.Retune, shown = c.retune, nil
			chosen, described, err := tuner.Precision(small)
			if err != nil || chosen.Open() || !strings.HasPrefix(described, "computing in "+chosen.String()+": ") {
				t.Errorf("%+v: chose %v, %q, %v", c, chosen, described, err)
			}
			if got := strings.Contains(described, "measured by an earlier run"); got != c.remembered {
				t.Errorf("%+v: %q", c, described)
			}
			if (len(shown) == 0) != c.remembered || !c.remembered && shown[len(shown)-1] != "" {
				t.Errorf("%+v: showed %q", c, shown)
			}
		}
		if notes() != "" {
			t.Errorf("notes: %s", notes())
		}
		return nil
	})
}

// A measurement that other programs disturbed is used but not remembered.
func TestTunerDisturbed(t *testing.T) {
	inTorch(t, func() error {
		tuner, notes := tunerFor(t, 0.5)
		for range 2 {
			_, described, err := tuner.Precision(small)
			if err != nil || described == "" || strings.Contains(described, "earlier run") {
				t.Errorf("%q, %v", described, err)
			}
		}
		if n := strings.Count(notes(), "other programs took 50 % of the processors"); n != 2 {
			t.Errorf("%d notes:\n%s", n, notes())
		}
		return nil
	})
}

// If fp32 was asked for, nothing depends on a measurement. If auto became fp32, the
// split is still measured.
func TestTunerReproducible(t *testing.T) {
	inTorch(t, func() error {
		tuner, _ := tunerFor(t, 0)
		w := small
		w.Given = way("fp32", Auto)
		if chosen, described, err := tuner.Precision(w); chosen != w.Given || described != "" || err != nil {
			t.Errorf("fp32 that was asked for: %v, %q, %v", chosen, described, err)
		}
		w.Given = Setting{Precision: "fp32", Format: "contiguous"}
		w.Images = &Images{Dataset: &pictures{}, Views: []views.Spec{views.Evaluation(w.Side)}}
		if chosen, described, err := tuner.SplitThreads(w, "fp32"); chosen.Setting != w.Given || described != "" || err != nil {
			t.Errorf("a split for fp32 that was asked for: %v, %q, %v", chosen, described, err)
		}
		if !w.Open() {
			return nil // one processor is not split
		}
		chosen, described, err := tuner.SplitThreads(w, Auto)
		if err != nil || !strings.HasPrefix(described, chosen.Setting.String()+": ") || !(chosen.Rate > 0) {
			t.Errorf("a split for fp32 that was chosen: %v, %q, %v", chosen, described, err)
		}
		if torch.Threads() != chosen.Threads {
			t.Errorf("%d threads compute, want %d", torch.Threads(), chosen.Threads)
		}
		return nil
	})
}

// Why a setting is left out is said without the words of libtorch's libraries, where they are known.
func TestWhy(t *testing.T) {
	for want, err := range map[string]error{
		"this libtorch has no kernels for it on this processor": &torch.Error{Op: "aten::mm", Message: "could not create a primitive"},
		"it needs more memory than there is":                    &torch.Error{Op: "aten::mm", Message: "x", OutOfMemory: true},
		"libtorch fails at it: aten::mm: wrong shapes":          &torch.Error{Op: "aten::mm", Message: "wrong shapes\nat x"},
	} {
		if got := why(err); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
