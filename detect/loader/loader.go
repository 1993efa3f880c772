// Package loader makes batches of images with objects for a detector, as Detectron2 does:
// images are turned as EXIF says, resized by their shorter side and mirrored at random, grouped
// by shape, normalized and padded; boxes and masks go along.
package loader

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"contralens/data"
	"contralens/data/codec"
	"contralens/data/loader"
	"contralens/data/store"
	"contralens/detect"
	"contralens/detect/sets"
	"contralens/internal/humanize"
	"contralens/views"
	"contralens/world"
)

// Options describe what New loads. For training, take the set that sets.Trainable returns.
type Options struct {
	Set   *detect.Set
	Store store.Store // nil: store.Disk

	// Train draws sizes and mirrors at random, shuffles the images and groups them by shape.
	// Otherwise each image comes once, in order, at the first of the sizes.
	Train      bool
	BatchSize  int // images of a batch, over all processes
	Batches    int // for training: how many in all
	FirstBatch int // index of the first batch, to resume: batches depend on nothing but their index
	Seed       uint64

	Short   []int // shorter sides in pixels; 0 keeps the size
	MaxSide int   // of the longer side; 0: no limit
	// World says which images this process loads: of each batch in training its share of the
	// rows, padded as in the whole batch, and in evaluation its share of the set.
	World   world.World
	Divisor int  // padded sides are multiples of this; 0 and 1: no padding beyond the largest image
	Masks   bool // make masks too, and drop objects without one
	Pixels  bool // 8-bit colors instead of normalized ones

	Workers int // goroutines; 0: one per processor
	// MaxBad is the share of the images that may be unreadable or of another size than
	// annotated. In training, the next good image of the same shape replaces one, made smaller
	// if it does not fit; in evaluation its sample says so. With one more, or any if MaxBad is
	// 0, Next returns an error.
	MaxBad float64
	Note   func(string) // receives a sentence about each of them; may be nil
	Gray16 codec.Gray16 // how 16-bit gray becomes 8-bit
}

// Batch is a batch of a Loader.
type Batch struct {
	*detect.Batch
	whole *loader.Batch[detect.Batch]
}

// Loader makes batches in order. They do not depend on the number of workers.
type Loader struct {
	*mapper
	inner *loader.Loader[detect.Batch]
}

// New starts loading. The loader stops when ctx ends. Close it when done.
func New(ctx context.Context, o Options) (*Loader, error) {
	if o.Store == nil {
		o.Store = store.Disk{}
	}
	o.Divisor = max(o.Divisor, 1)
	switch {
	case len(o.Set.Images) == 0:
		return nil, fmt.Errorf("%s: want images to load, got none", humanize.Text(o.Set.Name))
	case o.BatchSize < 1:
		return nil, fmt.Errorf("batch size: want at least 1, got %d", o.BatchSize)
	case len(o.Short) == 0 || slices.Min(o.Short) < 0:
		return nil, fmt.Errorf("shorter sides: want at least one, none of them below 0, got %v", o.Short)
	}
	if n := max(o.World.Size, 1); o.Train && o.BatchSize%n != 0 {
		return nil, fmt.Errorf("batch size: want a multiple of the %d processes, got %d", n, o.BatchSize)
	}
	m := &mapper{Options: o, decoder: &codec.Decoder{Gray16: o.Gray16, Note: o.Note}, bad: map[int]bool{}}
	m.table = views.RGB.Table()
	var sampler loader.Sampler
	if o.Train {
		whole := &stream{images: o.Set.Images, size: o.BatchSize, batches: o.Batches, seed: o.Seed}
		m.share = &share{all: whole, world: o.World}
		sampler = m.share
	} else {
		from, to := o.World.Rows(len(o.Set.Images))
		sampler = loader.Epoch{Order: loader.InOrder(len(o.Set.Images))[from:to], Size: o.BatchSize}
	}
	return &Loader{m, loader.New(ctx, loader.Options{
		Sampler: sampler, FirstBatch: o.FirstBatch, Workers: o.Workers, Rows: 1,
	}, loader.Transform[detect.Batch](m))}, nil
}

// Batches returns the number of batches, those before FirstBatch included.
func (l *Loader) Batches() int { return l.inner.Batches() }

// Next waits for the next batch. It returns io.EOF after the last one, and the error of ctx once
// that has ended.
func (l *Loader) Next() (*Batch, error) {
	b, err := l.inner.Next()
	if err != nil {
		return nil, err
	}
	return &Batch{&b.Samples, b}, nil
}

// Recycle returns a batch's memory to the loader. The batch must not be used afterwards.
func (l *Loader) Recycle(b *Batch) { l.inner.Recycle(b.whole) }

// Close stops the workers and waits for them.
func (l *Loader) Close() { l.inner.Close() }

// mapper is the Transform from images to samples.
type mapper struct {
	Options
	decoder *codec.Decoder
	table   [3][256]float32
	share   *share // in training

	mu  sync.Mutex
	bad map[int]bool // images that turned out to be unreadable
}

// Resize plans a batch: the places of its images, those of other processes included, decide the
// padded size.
func (m *mapper) Resize(b *detect.Batch, indices []int) {
	b.Samples = make([]detect.Sample, len(indices))
	b.Width, b.Height, b.First = 0, 0, 0
	whole := indices
	if m.share != nil {
		whole, b.First = m.share.whole, m.share.first
	}
	for _, index := range whole {
		p := m.draw(index)
		b.Width, b.Height = max(b.Width, p.width), max(b.Height, p.height)
	}
	up := func(n int) int { return (n + m.Divisor - 1) / m.Divisor * m.Divisor }
	b.Width, b.Height = up(b.Width), up(b.Height)
	n := len(indices) * 3 * b.Width * b.Height
	if m.Pixels {
		b.Pixels = slices.Grow(b.Pixels[:0], n)[:n]
	} else {
		b.Values = slices.Grow(b.Values[:0], n)[:n]
	}
}

// Worker returns the function that makes samples in one goroutine.
func (m *mapper) Worker() func(context.Context, *detect.Batch, int, int) error {
	w := &worker{mapper: m}
	return w.fill
}

// worker has the buffers of a goroutine.
type worker struct {
	*mapper
	file           []byte
	image, resized views.Image
	scratch        views.Scratch
}

// fill makes the sample with an index.
func (w *worker) fill(ctx context.Context, b *detect.Batch, row, index int) error {
	p := w.draw(index)
	for tried := 0; ; {
		err := w.load(ctx, p.index)
		if err == nil {
			break
		}
		if err := w.count(ctx, p.index, err); err != nil {
			return err
		}
		if !w.Train {
			b.Samples[row] = detect.Sample{Index: p.index, Width: p.width, Height: p.height, Unreadable: true}
			w.write(b, row, nil)
			return nil
		}
		if p, tried = w.substitute(b, index, tried+1); tried == 0 {
			return fmt.Errorf("%s: want a readable image, but all of one shape are broken; the last is %w", w.Set.Name, err)
		}
	}
	s, err := w.sample(p)
	if err != nil {
		return fmt.Errorf("image %s: %w", humanize.Text(w.Set.Images[p.index].Path), err)
	}
	b.Samples[row] = s
	views.ResizedCrop(&w.resized, &w.image, views.Box{W: w.image.W, H: w.image.H}, p.width, p.height, &w.scratch)
	if p.flip {
		w.resized.Flip()
	}
	w.write(b, row, &w.resized)
	return nil
}

// substitute returns the place of the next image of the same shape that is not known to be bad,
// from the given step after the image on, and the step. It is made smaller to fit the batch.
// The step is 0 if there is none.
func (w *worker) substitute(b *detect.Batch, index, step int) (place, int) {
	n := len(w.Set.Images)
	wide := func(i int) bool { m := &w.Set.Images[i%n]; return m.Width > m.Height }
	for ; step < n; step++ {
		other := index - index%n + (index+step)%n // in the same pass
		if wide(other) != wide(index) || w.isBad(other%n) {
			continue
		}
		p := w.draw(other)
		if scale := min(float64(b.Width)/float64(p.width), float64(b.Height)/float64(p.height)); scale < 1 {
			p.width = min(max(1, int(float64(p.width)*scale)), b.Width)
			p.height = min(max(1, int(float64(p.height)*scale)), b.Height)
		}
		return p, step
	}
	return place{}, 0
}

// load decodes an image and turns it upright.
func (w *worker) load(ctx context.Context, index int) error {
	m := &w.Set.Images[index]
	file, err := w.Store.ReadAt(ctx, m.Path, w.file, 0, -1)
	if err != nil {
		return codec.NotAnImage(m.Path, err)
	}
	if cap(file) > cap(w.file) {
		w.file = file
	}
	if err := w.decoder.Decode(file, &w.image, func() string { return m.Path }); err != nil {
		return err
	}
	codec.Upright(&w.image, file)
	return sets.CheckSize(m, &w.image)
}

// write writes the pixels of a row, and zeros around them. Without an image all are zeros.
func (w *worker) write(b *detect.Batch, row int, m *views.Image) {
	if m == nil {
		m = &views.Image{}
	}
	area := b.Width * b.Height
	for c := range 3 {
		at := (3*row + c) * area
		if w.Pixels {
			plane(b.Pixels[at:at+area], b.Width, m, c, func(v uint8) uint8 { return v })
		} else {
			plane(b.Values[at:at+area], b.Width, m, c, func(v uint8) float32 { return w.table[c][v] })
		}
	}
}

// plane writes channel c of an image to a padded plane.
func plane[T uint8 | float32](dst []T, width int, m *views.Image, c int, value func(uint8) T) {
	for y := range m.H {
		row := dst[y*width : (y+1)*width]
		from := m.Pix[3*y*m.W : 3*(y+1)*m.W]
		for x := range m.W {
			row[x] = value(from[3*x+c])
		}
		clear(row[m.W:])
	}
	clear(dst[m.H*width:])
}

// Unreadable returns the images that turned out to be unreadable so far, by index.
func (m *mapper) Unreadable() []int {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []int
	for i := range m.bad {
		list = append(list, i)
	}
	slices.Sort(list)
	return list
}

func (m *mapper) isBad(i int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.bad[i]
}

// count counts and reports an unreadable image. Beyond the limit it returns an error.
func (m *mapper) count(ctx context.Context, i int, err error) error {
	if ctx.Err() != nil || m.MaxBad == 0 || errors.Is(err, context.Canceled) {
		return err // the image itself may be fine
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.bad[i] {
		return nil
	}
	m.bad[i] = true
	if n := len(m.Set.Images); len(m.bad) > data.Allowed(m.MaxBad, n) {
		return &data.TooManyUnreadable{Unreadable: len(m.bad), Images: n, Share: m.MaxBad, Last: err}
	}
	if m.Note != nil {
		what := "its objects count as missed"
		if m.Train {
			what = "replaced by another image"
		}
		m.Note(fmt.Sprintf("%s: %v", what, err))
	}
	return nil
}
