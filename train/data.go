package train

import (
	"sync"

	"contralens/data"
)

// notes collects messages of loader goroutines until the loop prints them.
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

// DataHook reports each unreadable image once, and the number of them at the end.
func DataHook() Hook {
	drain := func(r *Run) error {
		for _, s := range r.notes.take() {
			r.say("note: %s", s)
		}
		return nil
	}
	return Hook{
		Order: Display,
		Start: drain,
		Step:  func(r *Run, _ Step) error { return drain(r) },
		Stop: func(r *Run) error {
			if n := data.Unreadable(r.Train); n > 0 {
				defer r.say("note: %d of %d training images could not be read; contralens data stats lists them", n, r.Train.Len())
			}
			return drain(r)
		},
	}
}
