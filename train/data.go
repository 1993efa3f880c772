package train

import (
	"sync"

	"contralens/config"
	"contralens/data"
)

// OpenData opens the training and test images that the options describe; test
// is nil when there are none. note is told what is left out or replaced, from any
// goroutine; it may be nil.
func OpenData(s config.Shared, note func(string)) (train, test data.Dataset, err error) {
	return data.Open(dataOptions(s, note))
}

// OpenParts opens all parts of the dataset that the options describe.
func OpenParts(s config.Shared, note func(string)) (data.Parts, error) {
	return data.OpenParts(dataOptions(s, note))
}

func dataOptions(s config.Shared, note func(string)) data.Options {
	return data.Options{Name: s.Dataset, Folder: s.DataFolder, Imagenet100Path: s.Imagenet100Path, Limit: s.Limit, Imbalance: s.Imbalance, ImbalanceSeed: s.ImbalanceSeed, MaxBad: s.MaxBad, Note: note}
}

// notes collects what loader goroutines say until the loop prints it.
type notes struct {
	mu   sync.Mutex
	list []string
}

func (n *notes) add(s string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list = append(n.list, s)
}

func (n *notes) take() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := n.list
	n.list = nil
	return list
}

// DataHook prints what is left out of the data: each image that cannot be read
// once, and their number at the end.
func DataHook(print func(format string, args ...any)) Hook {
	drain := func(r *Run) error {
		for _, s := range r.notes.take() {
			print("note: %s", s)
		}
		return nil
	}
	return Hook{
		Start: drain,
		Step:  func(r *Run, _ Step) error { return drain(r) },
		Stop: func(r *Run) error {
			if n := data.Unreadable(r.Train); n > 0 {
				defer print("note: %d of %d training images could not be read; contralens data stats lists them", n, r.Train.Len())
			}
			return drain(r)
		},
	}
}
