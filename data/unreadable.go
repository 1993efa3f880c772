package data

import (
	"context"
	"sync"

	"contralens/data/store"
	"contralens/views"
)

// Placeholder is a dataset with a gray image in place of each one that cannot be read.
// It remembers which those are.
type Placeholder struct {
	Dataset
	note func(error)
	mu   sync.Mutex
	bad  map[int]bool
}

// WithPlaceholder replaces the unreadable images of d by gray ones, and also returns
// the Placeholder, which remembers them. note is called once for each.
func WithPlaceholder(d Dataset, note func(error)) (Dataset, *Placeholder) {
	p := &Placeholder{Dataset: d, note: note, bad: map[int]bool{}}
	return wrap(p, d), p
}

// Image decodes image i into dst, or makes dst gray. Its only errors are those of ctx and of
// the store (store.Failure).
func (p *Placeholder) Image(ctx context.Context, i int, dst *views.Image) error {
	err := p.Dataset.Image(ctx, i, dst)
	if err == nil || ctx.Err() != nil || store.Failed(err) != nil {
		return err
	}
	dst.Resize(1, 1)
	copy(dst.Pix, []uint8{128, 128, 128})
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.bad[i] {
		p.note(err)
	}
	p.bad[i] = true
	return nil
}

// Unreadable reports whether image i has turned out to be unreadable.
func (p *Placeholder) Unreadable(i int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bad[i]
}

// Count returns how many images have turned out to be unreadable.
func (p *Placeholder) Count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.bad)
}
