package data

import (
	"context"
	"sync/atomic"

	"contralens/views"
)

// Budget is a number of bytes that caches share.
type Budget struct{ left atomic.Int64 }

// NewBudget returns a budget of the given number of bytes.
func NewBudget(bytes int64) *Budget {
	b := &Budget{}
	b.left.Store(bytes)
	return b
}

// take reserves n bytes and reports whether the budget had them.
func (b *Budget) take(n int64) bool {
	if b.left.Add(-n) >= 0 {
		return true
	}
	b.left.Add(n)
	return false
}

type cache struct {
	Dataset
	budget *Budget
	images []atomic.Pointer[views.Image]
}

// Cache keeps decoded images of d in memory while the budget lasts, so that small
// datasets are decoded in the first epoch only.
func Cache(d Dataset, b *Budget) Dataset {
	c := &cache{Dataset: d, budget: b, images: make([]atomic.Pointer[views.Image], d.Len())}
	f, ok := d.(Files)
	if !ok {
		return c
	}
	return withFiles{c, func(ctx context.Context, i int, buf []byte) ([]byte, error) {
		if c.images[i].Load() != nil {
			return nil, nil
		}
		return f.File(ctx, i, buf)
	}, f.Decoder(), shardsOf(d)}
}

func (c *cache) Image(ctx context.Context, i int, dst *views.Image) error {
	if m := c.images[i].Load(); m != nil {
		dst.Copy(m)
		return nil
	}
	if err := c.Dataset.Image(ctx, i, dst); err != nil {
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
