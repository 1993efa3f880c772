package study

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"contralens/study/jobs"
)

// A grid has all combinations. A failed run is tried again, a finished one is not, and a
// stop ends the sweep.
func TestSweep(t *testing.T) {
	grid, err := ParseGrid([]string{"alpha=.9,.5", "nce-t=.1,.2"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseGrid([]string{"alpha=.9,.5", "alpha=.1"}); err == nil ||
		!strings.Contains(err.Error(), "--vary alpha=.1: want every option once, with all its values, but alpha comes twice") {
		t.Errorf("an option twice: %v", err)
	}
	dir := t.TempDir()
	var trained []string
	do := func(fail string, stop bool) (runs []string, failed []error, err error) {
		s, err := OpenSweep(dir, []string{"--epochs", "1"})
		if err != nil {
			t.Fatal(err)
		}
		trained = nil
		return s.Do(context.Background(), grid, t.Logf, func(name string, varied []string) error {
			trained = append(trained, name)
			if len(varied) != 2 {
				t.Errorf("%s: varied %v", name, varied)
			}
			switch {
			case name == fail && stop:
				return &jobs.Fatal{Err: errors.New("stopped")}
			case name == fail:
				return errors.New("failed")
			}
			return nil
		})
	}
	all := []string{"alpha-.9_nce-t-.1", "alpha-.9_nce-t-.2", "alpha-.5_nce-t-.1", "alpha-.5_nce-t-.2"}
	if _, _, err := do(all[1], true); err == nil || !slices.Equal(trained, all[:2]) {
		t.Errorf("stopped: trained %v, error %v", trained, err)
	}
	runs, failed, err := do(all[2], false)
	if err != nil || len(runs) != 3 || len(failed) != 1 || !slices.Equal(trained, all[1:]) {
		t.Errorf("one fails: trained %v, runs %v, failed %v, error %v", trained, runs, failed, err)
	}
	if runs, failed, err = do("", false); err != nil || len(runs) != 4 || len(failed) != 0 || !slices.Equal(trained, all[2:3]) {
		t.Errorf("the last: trained %v, runs %v, failed %v, error %v", trained, runs, failed, err)
	}
	if _, err := OpenSweep(dir, nil); err == nil || !strings.Contains(err.Error(), "other options of contrast: --epochs 1") {
		t.Errorf("other options: %v", err)
	}
}

// What an older version finished is not trained again.
func TestOlderSweep(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "sweep.json"), []byte(`{"options": ["-x"], "finished": ["alpha-.9"]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := OpenSweep(dir, []string{"-x"})
	if err != nil {
		t.Fatal(err)
	}
	var trained []string
	runs, failed, err := s.Do(context.Background(), Grid{{Option: "alpha", Values: []string{".9", ".5"}}}, t.Logf, func(name string, _ []string) error {
		trained = append(trained, name)
		return nil
	})
	if err != nil || len(failed) > 0 || len(runs) != 2 || !slices.Equal(trained, []string{"alpha-.5"}) {
		t.Errorf("trained %v, runs %v, failed %v, %v", trained, runs, failed, err)
	}
}

func TestCheckMethod(t *testing.T) {
	for _, c := range []struct {
		vary, method string
		refused      bool
	}{
		{"nce_t=.1,.2", "MoCov2", true},
		{"nce-t=.1,.2", "MoCov2", true},
		{"nce_t=.1,.2", "Customize", false},
		{"nce_t=.1,.2", "", false},
		{"alpha=.1,.2", "MoCov2", false},
		{"method=MoCo,MoCov2", "MoCov2", false},
	} {
		grid, err := ParseGrid([]string{c.vary})
		if err != nil {
			t.Fatal(err)
		}
		if err := grid.CheckMethod(c.method); (err != nil) != c.refused {
			t.Errorf("%s: %v, want refused %v", fmt.Sprint(c), err, c.refused)
		}
	}
}
