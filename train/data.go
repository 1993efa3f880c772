package train

import (
	"sync"

	"contralens/config"
	"contralens/data"
)

// OpenData opens the training and test images that the options describe; test
// is nil when there are none. onBad is told each image that cannot be read, once;
// it may be nil.
func OpenData(s config.Shared, onBad func(error)) (train, test data.Dataset, err error) {
	return data.Open(dataOptions(s, onBad))
}

// OpenParts opens all parts of the dataset that the options describe.
func OpenParts(s config.Shared, onBad func(error)) (data.Parts, error) {
	return data.OpenParts(dataOptions(s, onBad))
}

func dataOptions(s config.Shared, onBad func(error)) data.Options {
	return data.Options{Name: s.Dataset, Folder: s.DataFolder, Imagenet100Path: s.Imagenet100Path, Limit: s.Limit, MaxBad: s.MaxBad, OnBad: onBad}
}

// unreadable collects what loader goroutines find until the loop prints it.
type unreadable struct {
	mu   sync.Mutex
	errs []error
}

func (u *unreadable) add(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.errs = append(u.errs, err)
}

func (u *unreadable) take() []error {
	u.mu.Lock()
	defer u.mu.Unlock()
	errs := u.errs
	u.errs = nil
	return errs
}

// UnreadableHook names the images that cannot be read, each once, and counts
// them at the end.
func UnreadableHook(print func(format string, args ...any)) Hook {
	drain := func(r *Run) {
		for _, err := range r.unreadable.take() {
			print("note: replaced by another image of its class: %v", err)
		}
	}
	return Hook{
		Step: func(r *Run, _ Step) error { drain(r); return nil },
		Stop: func(r *Run) error {
			drain(r)
			if n := data.Unreadable(r.Train); n > 0 {
				print("note: %d of %d training images could not be read; contralens data stats lists them", n, r.Train.Len())
			}
			return nil
		},
	}
}
