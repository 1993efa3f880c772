package pack

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"contralens/data"
	"contralens/data/codec"
	"contralens/data/store"
	"contralens/internal/machine"
	"contralens/views"
)

// Stats describes the images of a split, as Measure finds them.
type Stats struct {
	Split      string         `json:"part"`
	Images     int            `json:"images"`
	Classes    int            `json:"classes"`
	PerClass   *Range         `json:"per_class,omitempty"` // images per class
	Smallest   string         `json:"smallest_class,omitempty"`
	Largest    string         `json:"largest_class,omitempty"`
	Width      Range          `json:"width"`
	Height     Range          `json:"height"`
	Short      Range          `json:"short_side"` // the shorter of width and height
	Formats    map[string]int `json:"formats"`    // "raw" for images that are not files
	Bytes      int64          `json:"bytes"`      // of the image files
	Repaired   map[string]int `json:"repaired"`   // images that were read in spite of damage, by its kind
	Unreadable []string       `json:"unreadable"` // one sentence each
}

// Range summarizes a distribution.
type Range struct {
	Min    int `json:"min"`
	Median int `json:"median"`
	Max    int `json:"max"`
}

// counts holds how often each value occurs. Its memory does not grow with the number of
// images.
type counts map[int]int

// Spread summarizes values. Without values it is zero.
func Spread(values []int) Range {
	c := counts{}
	for _, v := range values {
		c[v]++
	}
	return c.spread()
}

func (c counts) spread() Range {
	var keys []int
	n := 0
	for k, v := range c {
		keys = append(keys, k)
		n += v
	}
	if n == 0 {
		return Range{}
	}
	slices.Sort(keys)
	r := Range{Min: keys[0], Max: keys[len(keys)-1]}
	seen := 0
	for _, k := range keys {
		if seen += c[k]; seen > (n-1)/2 {
			r.Median = k
			break
		}
	}
	return r
}

// Measure decodes every image of a dataset, until ctx ends. d must not replace
// unreadable images (sets.Options.MaxBad 0). Workers 0 is one per processor; progress
// may be nil.
func Measure(
	ctx context.Context, split string, d data.Dataset, workers int, progress func(split string, done, total int),
) (Stats, error) {
	if workers <= 0 {
		workers = machine.Processors()
	}
	s := Stats{Split: split, Images: d.Len(), Classes: len(d.Classes()), Formats: map[string]int{}, Unreadable: []string{}}
	width, height, short := counts{}, counts{}, counts{}
	decoder := decoderOf(d)
	before := decoder.Repaired()
	type broken struct {
		index int
		why   string
	}
	var bad []broken
	var failed error // of the store
	var mu sync.Mutex
	next := 0
	var wait sync.WaitGroup
	wait.Add(workers)
	for range workers {
		go func() {
			defer wait.Done()
			var m views.Image
			var buf []byte
			for {
				mu.Lock()
				i := next
				next++
				mu.Unlock()
				if i >= d.Len() || ctx.Err() != nil {
					return
				}
				file, err := data.Decode(ctx, d, i, buf, &m)
				kind := "raw"
				if file != nil {
					buf, kind = file, codec.Format(file)
				}
				mu.Lock()
				s.Bytes += int64(len(file))
				if f := store.Failed(err); f != nil {
					failed, next = f, d.Len()
				}
				if err != nil {
					bad = append(bad, broken{i, err.Error()})
				} else {
					s.Formats[kind]++
					width[m.W]++
					height[m.H]++
					short[min(m.W, m.H)]++
				}
				if progress != nil {
					progress(split, min(next, d.Len()), d.Len())
				}
				mu.Unlock()
			}
		}()
	}
	wait.Wait()
	if failed != nil {
		return s, failed
	}
	s.Width, s.Height, s.Short = width.spread(), height.spread(), short.spread()
	slices.SortFunc(bad, func(a, b broken) int { return a.index - b.index })
	for _, b := range bad {
		s.Unreadable = append(s.Unreadable, b.why)
	}
	s.Repaired = decoder.Repaired()
	for kind, n := range before { // of other splits
		if s.Repaired[kind] -= n; s.Repaired[kind] == 0 {
			delete(s.Repaired, kind)
		}
	}
	s.classes(d)
	return s, ctx.Err()
}

// decoderOf returns the decoder of a dataset of files, or nil.
func decoderOf(d data.Dataset) *codec.Decoder {
	if f, ok := d.(data.Files); ok {
		return f.Decoder()
	}
	return nil
}

// classes counts the images per class.
func (s *Stats) classes(d data.Dataset) {
	names := d.Classes()
	if len(names) == 0 {
		return
	}
	each := data.ClassCounts(d)
	sizes := counts{}
	least, most := 0, 0
	for i, n := range each {
		sizes[n]++
		if n < each[least] {
			least = i
		}
		if n > each[most] {
			most = i
		}
	}
	r := sizes.spread()
	s.PerClass = &r
	s.Smallest, s.Largest = names[least], names[most]
}

// String describes the range for people.
func (r Range) String() string {
	if r.Min == r.Max {
		return fmt.Sprint(r.Min)
	}
	return fmt.Sprintf("%d to %d, median %d", r.Min, r.Max, r.Median)
}
