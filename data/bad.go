package data

import (
	"fmt"
	"math"
	"sync"

	"contralens/views"
)

// tolerant is a dataset whose unreadable images are replaced, so that batches
// keep their size: in place of image i comes the next readable one of the same
// class (after the last, from the first). The stand-in depends on the files
// alone, so neither the number of workers nor the order matters. Once the
// unreadable images exceed the limit, Image is an error.
type tolerant struct {
	Dataset
	limit   int
	o       Options
	mu      sync.Mutex
	bad     map[int]bool
	standIn map[int]int
}

// tolerate lets o.MaxBad of d's images be unreadable, rounded up: one in any
// dataset.
func tolerate(d Dataset, o Options) Dataset {
	t := &tolerant{Dataset: d, limit: int(math.Ceil(o.MaxBad * float64(d.Len()))), o: o, bad: map[int]bool{}, standIn: map[int]int{}}
	if e, ok := d.(Encoded); ok {
		return encoded{t, e.Encoded}
	}
	return t
}

// Unreadable is how many images of a dataset from Open could not be read so far.
func Unreadable(d Dataset) int {
	if e, ok := d.(encoded); ok {
		d = e.Dataset
	}
	t, ok := d.(*tolerant)
	if !ok {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.bad)
}

func (t *tolerant) Image(i int, dst *views.Image) error {
	t.mu.Lock()
	j, known := t.standIn[i]
	t.mu.Unlock()
	if known {
		return t.Dataset.Image(j, dst)
	}
	label, n := t.Label(i), t.Len()
	for step := range n {
		j := (i + step) % n
		if t.Label(j) != label || t.isBad(j) {
			continue
		}
		err := t.Dataset.Image(j, dst)
		if err == nil {
			if j != i {
				t.mu.Lock()
				t.standIn[i] = j
				t.mu.Unlock()
			}
			return nil
		}
		if err := t.count(j, err); err != nil {
			return err
		}
	}
	what := "it"
	if label >= 0 {
		what = fmt.Sprintf("class %q", t.Classes()[label])
	}
	return fmt.Errorf("dataset %s: want at least one readable image in %s, but all are broken, %s too; remove them, or the class", t.Name(), what, t.Path(i))
}

func (t *tolerant) isBad(i int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.bad[i]
}

// count counts and reports an unreadable image; beyond the limit it is an error.
func (t *tolerant) count(i int, err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.bad[i] {
		return nil
	}
	t.bad[i] = true
	if len(t.bad) > t.limit {
		return fmt.Errorf("%d of %d images cannot be read, and --max_bad %v allows %d: remove them (contralens data stats lists them) or raise --max_bad; the last is %w", len(t.bad), t.Len(), t.o.MaxBad, t.limit, err)
	}
	t.o.note("replaced by another image of its class: %v", err)
	return nil
}
