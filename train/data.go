package train

import (
	"sync"

	"contralens/data"
)

// notes takes messages of the loader's goroutines. It keeps them until say is set, and then passes them
// on at once: while a store does not answer, the loop waits and prints nothing itself.
type notes struct {
	mu   sync.Mutex
	list []string
	say  func(string)
}

func (n *notes) add(s string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.say != nil {
		n.say(s)
		return
	}
	n.list = append(n.list, s)
}

// tell passes on what was kept, and from now on what comes.
func (n *notes) tell(say func(string)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.list {
		say(s)
	}
	n.list, n.say = nil, say
}

// DataHook reports each unreadable image once, what a store does that fails, and the number of unreadable
// images at the end.
func DataHook() Hook {
	return Hook{
		Order: Display,
		Start: func(r *Run) error {
			r.notes.tell(func(s string) { r.say("note: %s", s) })
			return nil
		},
		Stop: func(r *Run) error {
			if n := max(len(data.Unreadable(r.Train)), r.unreadable); n > 0 {
				r.say("note: %d of %d training images could not be read; contralens data stats lists them", n, r.Train.Len())
			}
			return nil
		},
	}
}
