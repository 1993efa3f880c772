package train

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"contralens/checkpoint"
	"contralens/statedict"
)

// The files that a run keeps of its state: after every epoch, of an
// interruption, and of every save_freq-th epoch.
const (
	currentFile     = "current.pth"
	interruptedFile = "interrupted.pth"
)

func epochFile(epoch int) string { return fmt.Sprintf("ckpt_epoch_%d.pth", epoch) }

// epochFiles are the epochs of the ckpt_epoch_N.pth in dir, the newest first.
func epochFiles(dir string) []int {
	var epochs []int
	entries, _ := os.ReadDir(dir) // a folder that cannot be read holds none
	for _, e := range entries {
		name, found := strings.CutPrefix(e.Name(), "ckpt_epoch_")
		if n, err := strconv.Atoi(strings.TrimSuffix(name, ".pth")); found && err == nil && e.Name() == epochFile(n) {
			epochs = append(epochs, n)
		}
	}
	slices.Sort(epochs)
	slices.Reverse(epochs)
	return epochs
}

// Newest finds the checkpoint of a run directory that is furthest in training;
// the damaged ones that it passed over are in skipped. It goes by what the files
// say, not by their times, which copying changes.
func Newest(dir string) (path string, skipped []error) {
	best, epoch := -1, -1
	try := func(name string) {
		p := filepath.Join(dir, name)
		if _, err := os.Stat(p); err != nil {
			return
		}
		file, err := checkpoint.Read(p)
		if err != nil {
			skipped = append(skipped, err)
			return
		}
		step := statedict.Int(statedict.Items(file.Get("contralens")).Get("global_step"))
		if step > best {
			best, epoch, path = step, statedict.Int(file.Get("epoch")), p
		}
	}
	try(currentFile)
	try(interruptedFile)
	for _, n := range epochFiles(dir) {
		if n <= epoch {
			break
		}
		try(epochFile(n))
	}
	return path, skipped
}

// otherwise names the newest good checkpoint beside one that could not be read.
func otherwise(path string, err error) error {
	if good, _ := Newest(filepath.Dir(path)); good != "" {
		return fmt.Errorf("%w; the newest good checkpoint beside it is %s", err, good)
	}
	return err
}

// prune removes all but the newest keep of the ckpt_epoch_N.pth in dir.
func prune(dir string, keep int) (err error) {
	if files := epochFiles(dir); keep > 0 && len(files) > keep {
		for _, n := range files[keep:] {
			err = errors.Join(err, os.Remove(filepath.Join(dir, epochFile(n))))
		}
	}
	return err
}
