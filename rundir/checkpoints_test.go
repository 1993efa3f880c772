package rundir

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"contralens/checkpoint"
)

func TestNewest(t *testing.T) {
	dir := t.TempDir()
	put := func(name string, epoch, step int) {
		t.Helper()
		err := checkpoint.Write(filepath.Join(dir, name), checkpoint.Dict{{Key: "epoch", Value: epoch}, {Key: "contralens", Value: checkpoint.Dict{{Key: "global_step", Value: step}}}})
		if err == nil { // times are not used, because copying changes them
			old := time.Now().Add(-time.Duration(step) * time.Hour)
			err = os.Chtimes(filepath.Join(dir, name), old, old)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	newest := func(want string, passed int) {
		t.Helper()
		got, skipped := Newest(dir)
		if got != "" {
			got = filepath.Base(got)
		}
		if got != want || len(skipped) != passed {
			t.Errorf("got %q, passed over %v; want %q, passed over %d", got, skipped, want, passed)
		}
	}
	cut := func(name string) {
		if err := os.Truncate(filepath.Join(dir, name), 200); err != nil {
			t.Fatal(err)
		}
	}
	newest("", 0)
	for _, epoch := range []int{2, 10, 8} {
		put(EpochFile(epoch), epoch, 5*epoch)
	}
	newest("ckpt_epoch_10.pth", 0)
	put(CurrentFile, 11, 55)
	newest(CurrentFile, 0)
	put(InterruptedFile, 11, 57)
	newest(InterruptedFile, 0)
	put(CurrentFile, 12, 60) // killed before it removed interrupted.pth
	newest(CurrentFile, 0)
	cut(CurrentFile)
	newest(InterruptedFile, 1)
	cut(InterruptedFile)
	cut(EpochFile(10))
	newest("ckpt_epoch_8.pth", 3)
	os.WriteFile(filepath.Join(dir, "ckpt_epoch_x.pth"), nil, 0o644)
	if err := prune(dir, 2); err != nil || !slices.Equal(EpochFiles(dir), []int{10, 8}) {
		t.Errorf("pruned to %v, %v", EpochFiles(dir), err)
	}
	if err := prune(dir, 0); err != nil || len(EpochFiles(dir)) != 2 {
		t.Errorf("0 keeps all: %v, %v", EpochFiles(dir), err)
	}
}

// A note says that another libtorch sums in another order; older checkpoints do not know theirs.
func TestOtherTorch(t *testing.T) {
	for was, noted := range map[string]bool{"": false, "2.15.0": false, "1.13.0": true} {
		note := CheckpointRecord{Torch: was}.OtherTorch("current.pth", "2.15.0")
		if strings.Contains(note, "current.pth was trained with libtorch 1.13.0, and resumes with 2.15.0") != noted {
			t.Errorf("%q: note %q", was, note)
		}
	}
}
