package data

import (
	"sync"

	"contralens/views"
)

// Gaps remembers which images of a dataset cannot be read; a gray picture is in
// their place.
type Gaps struct {
	Dataset
	note func(error)
	mu   sync.Mutex
	bad  map[int]bool
}

// WithGaps is d with gray pictures in its gaps; note is told of each once.
func WithGaps(d Dataset, note func(error)) (Dataset, *Gaps) {
	g := &Gaps{Dataset: d, note: note, bad: map[int]bool{}}
	if e, ok := d.(Encoded); ok {
		return encoded{g, e.Encoded}, g
	}
	return g, g
}

func (g *Gaps) Image(i int, dst *views.Image) error {
	err := g.Dataset.Image(i, dst)
	if err == nil {
		return nil
	}
	dst.Resize(1, 1)
	copy(dst.Pix, []uint8{128, 128, 128})
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.bad[i] {
		g.note(err)
	}
	g.bad[i] = true
	return nil
}

// Bad says whether image i was found unreadable.
func (g *Gaps) Bad(i int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.bad[i]
}

// Count is how many images were found unreadable so far.
func (g *Gaps) Count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.bad)
}
