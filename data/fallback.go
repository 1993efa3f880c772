package data

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"

	"contralens/data/store"
	"contralens/views"
)

// TooManyUnreadable is the error of a dataset with more unreadable images than allowed.
type TooManyUnreadable struct {
	Unreadable, Images int
	Share              float64 // allowed share of unreadable images
	Last               error   // the error of the last one
	Fault              string  // what is wrong with them; empty: they "cannot be read"
}

// Allowed returns how many of n images may be unreadable: share of n, rounded up, so at
// least one unless share is 0.
func Allowed(share float64, n int) int { return int(math.Ceil(share * float64(n))) }

func (e *TooManyUnreadable) Error() string {
	return fmt.Sprintf("%s, but a share of %v allows only %d: remove them or allow more; the last is %v",
		e.Count(), e.Share, Allowed(e.Share, e.Images), e.Last)
}

// Count says how many images are bad: "2 of 10 images cannot be read".
func (e *TooManyUnreadable) Count() string {
	return fmt.Sprintf("%d of %d images %s", e.Unreadable, e.Images, cmp.Or(e.Fault, "cannot be read"))
}

func (e *TooManyUnreadable) Unwrap() error { return e.Last }

// fallback is a dataset with its unreadable images replaced.
type fallback struct {
	Dataset
	share   float64
	note    func(string)
	mu      sync.Mutex
	bad     map[int]bool
	standIn map[int]int
}

// Fallback replaces unreadable images, so that batches keep their size: image i is
// replaced by the next readable image of the same class, starting over after the last.
// The replacement depends only on the files, not on the number of workers or the order.
// At most the given share of the images may be unreadable (see Allowed); with one more,
// Image returns TooManyUnreadable. note, unless nil, is called once per unreadable
// image, possibly from several goroutines at once.
func Fallback(d Dataset, share float64, note func(string)) Dataset {
	f := &fallback{Dataset: d, share: share, note: note, bad: map[int]bool{}, standIn: map[int]int{}}
	return wrap(f, d)
}

// Unreadable returns the images of a dataset made by Fallback that have turned out to be
// unreadable, sorted; for other datasets there are none.
func Unreadable(d Dataset) []int {
	if w, ok := d.(withFiles); ok {
		d = w.Dataset
	}
	f, ok := d.(*fallback)
	if !ok {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.bad))
}

func (f *fallback) Image(ctx context.Context, i int, dst *views.Image) error {
	f.mu.Lock()
	j, known := f.standIn[i]
	f.mu.Unlock()
	if known {
		return f.Dataset.Image(ctx, j, dst)
	}
	label, n := f.Label(i), f.Len()
	for step := range n {
		j := (i + step) % n
		if f.Label(j) != label || f.isBad(j) {
			continue
		}
		err := f.Dataset.Image(ctx, j, dst)
		if err == nil {
			if j != i {
				f.mu.Lock()
				f.standIn[i] = j
				f.mu.Unlock()
			}
			return nil
		}
		if ctx.Err() != nil || store.Failed(err) != nil {
			return err // the image itself may be fine
		}
		if err := f.count(j, err); err != nil {
			return err
		}
	}
	what := "it"
	if label >= 0 {
		what = fmt.Sprintf("class %q", f.Classes()[label])
	}
	return fmt.Errorf("dataset %s: want at least one readable image in %s, but all are broken, %s too; "+
		"remove them, or the class", f.Name(), what, f.Path(i))
}

func (f *fallback) isBad(i int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.bad[i]
}

// count counts and reports an unreadable image. Beyond the limit it returns an error.
func (f *fallback) count(i int, err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.bad[i] {
		return nil
	}
	f.bad[i] = true
	if len(f.bad) > Allowed(f.share, f.Len()) {
		return &TooManyUnreadable{Unreadable: len(f.bad), Images: f.Len(), Share: f.share, Last: err}
	}
	if f.note != nil {
		f.note(fmt.Sprintf("replaced by another image of its class: %v", err))
	}
	return nil
}
