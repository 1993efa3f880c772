package data

import (
	"sync/atomic"

	"contralens/views"
)

// budget is the memory that caches may still take.
type budget struct{ left atomic.Int64 }

func newBudget(bytes int64) *budget {
	b := &budget{}
	if bytes == 0 {
		bytes = 1 << 30
	}
	b.left.Store(bytes)
	return b
}

// take reserves n bytes if they are there.
func (b *budget) take(n int64) bool {
	if b.left.Add(-n) >= 0 {
		return true
	}
	b.left.Add(n)
	return false
}

// cache keeps decoded images while the budget lasts, so that epochs after the
// first don't decode small datasets again.
type cache struct {
	Dataset
	budget *budget
	images []atomic.Pointer[views.Image]
}

func cached(d Dataset, b *budget) Dataset {
	c := &cache{Dataset: d, budget: b, images: make([]atomic.Pointer[views.Image], d.Len())}
	e, ok := d.(Encoded)
	if !ok {
		return c
	}
	return encoded{c, func(i int, buf []byte) ([]byte, error) {
		if c.images[i].Load() != nil {
			return nil, nil
		}
		return e.Encoded(i, buf)
	}}
}

func (c *cache) Image(i int, dst *views.Image) error {
	if m := c.images[i].Load(); m != nil {
		dst.Copy(m)
		return nil
	}
	if err := c.Dataset.Image(i, dst); err != nil {
		return err
	}
	if n := int64(len(dst.Pix)); c.budget.take(n) {
		m := &views.Image{}
		m.Copy(dst)
		if !c.images[i].CompareAndSwap(nil, m) {
			c.budget.left.Add(n)
		}
	}
	return nil
}
