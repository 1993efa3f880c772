package sweep

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// A grid has all combinations. A failed run is tried again, a finished one is not, and a
// stop ends the sweep.
func TestSweep(t *testing.T) {
	grid, err := ParseGrid([]string{"alpha=.9,.5", "nce-t=.1,.2"})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var trained []string
	do := func(fail string, stop bool) (runs []string, failed []error, err error) {
		s, err := Open(dir, []string{"--epochs", "1"})
		if err != nil {
			t.Fatal(err)
		}
		trained = nil
		return s.Do(grid, func(_, name string, varied, options []string) (bool, error) {
			trained = append(trained, name)
			if len(varied) != 2 || !slices.Equal(options, []string{"--epochs", "1"}) {
				t.Errorf("%s: varied %v, options %v", name, varied, options)
			}
			if name == fail {
				return stop, errors.New("failed")
			}
			return false, nil
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
	if _, err := Open(dir, nil); err == nil || !strings.Contains(err.Error(), "other options of contrast: --epochs 1") {
		t.Errorf("other options: %v", err)
	}
}

func TestCheckMethod(t *testing.T) {
	for _, c := range []struct {
		vary, options string
		refused       bool
	}{
		{"nce_t=.1,.2", "--method MoCov2", true},
		{"nce-t=.1,.2", "--method=MoCov2", true},
		{"nce_t=.1,.2", "--method Customize", false},
		{"nce_t=.1,.2", "", false},
		{"alpha=.1,.2", "--method MoCov2", false},
		{"method=MoCo,MoCov2", "--method MoCov2", false},
	} {
		grid, err := ParseGrid([]string{c.vary})
		if err != nil {
			t.Fatal(err)
		}
		if err := grid.CheckMethod(strings.Fields(c.options)); (err != nil) != c.refused {
			t.Errorf("%s: %v, want refused %v", fmt.Sprint(c), err, c.refused)
		}
	}
}
