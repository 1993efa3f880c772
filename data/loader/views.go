package loader

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"contralens/data"
	"contralens/data/codec/jpeg"
	"contralens/views"
	"contralens/world"
)

// Views holds the samples of contrastive learning: views of images.
type Views struct {
	Labels []int64     // of the images; -1 without classes
	Values [][]float32 // one buffer per view, [N, Shape of its Spec], then per Reordered; nil with ViewOptions.Pixels
	Pixels [][]uint8   // the same of 8-bit RGB, as Spec.RenderPixels writes it; else nil
}

// ViewBatch is a batch of views. Its Indices are those of the images, and then those of the images of
// each Reordered, so N is the number of both.
type ViewBatch = Batch[Views]

// ViewLoader loads batches of views; NewViews makes one.
type ViewLoader = Loader[Views]

// ViewOptions select the images and the views of them to load.
type ViewOptions struct {
	Dataset    data.Dataset
	Views      []views.Spec // views of each image, which is decoded once for all of them
	BatchSize  int          // summed over all processes
	Workers    int          // goroutines; 0: one per processor
	Seed       uint64
	Epoch      int
	Shuffle    bool    // in an order that depends only on Seed and Epoch
	Streams    Streams // how Shuffle goes through shards; datasets without any ignore it
	DropLast   bool    // skip the last batch if it is not full
	FirstBatch int     // index of the first batch, to resume in the middle of an epoch
	World      world.World
	Groups     int // of a batch, with batch-norm statistics of their own; see world.World.Images
	Timing     *Timing
	// Pixels, if set, is the memory of all batches: for each batch one buffer per view, of
	// BatchSize views. Views are then written there as pixels, which a GPU turns into
	// floats, instead of floats. At most len(Pixels) batches exist at a time; at least 2
	// are needed to load one while another one is used.
	Pixels [][][]uint8
	// Reordered are further views of the images of a batch, in other orders.
	Reordered []Reordered
}

// Spec returns the view of a buffer of the batches.
func (o *ViewOptions) Spec(buffer int) *views.Spec {
	if buffer >= len(o.Views) {
		buffer = o.Reordered[buffer-len(o.Views)].View
	}
	return &o.Views[buffer]
}

// Buffers returns the number of buffers of a batch: one for each view, and for each Reordered.
func (o *ViewOptions) Buffers() int { return len(o.Views) + len(o.Reordered) }

// Timing sums up the time that workers spend. A nil Timing in ViewOptions measures
// nothing.
type Timing struct {
	Images            atomic.Int64
	Decode, Transform atomic.Int64 // nanoseconds; Decode includes reading
}

// NewViews starts loading the batches of one epoch.
func NewViews(ctx context.Context, o ViewOptions) *ViewLoader {
	e := Epoch{Size: o.BatchSize, DropLast: o.DropLast, World: o.World, Groups: o.Groups}
	var ahead *fetchAhead
	switch shards, sharded := data.Shards(o.Dataset); {
	case !o.Shuffle:
		e.Order = InOrder(o.Dataset.Len())
		if sharded {
			ahead = &fetchAhead{shards: shards, images: Window, seen: map[int]bool{}}
		}
	case sharded && o.Streams.Count > 0:
		e.Order = o.Streams.Order(o.Dataset.Len(), o.BatchSize, shards.Shard, o.Seed, o.Epoch)
		ahead = &fetchAhead{shards: shards, images: 2 * o.Streams.Count * o.Streams.window(), seen: map[int]bool{}}
	default:
		e.Order = Shuffled(o.Dataset.Len(), o.Seed, o.Epoch)
	}
	var sampler shared = e
	if ahead != nil {
		ahead.Epoch = e
		sampler = ahead
	}
	if len(o.Reordered) > 0 {
		sampler = reordering{sampler, o.World, o.Groups, o.Reordered}
	}
	return New(ctx, Options{
		Sampler: sampler, FirstBatch: o.FirstBatch, Workers: o.Workers, Most: len(o.Pixels),
	}, &viewTransform{ViewOptions: o})
}

type viewTransform struct {
	ViewOptions
	used int // elements of Pixels that batches have
}

func (t *viewTransform) Resize(s *Views, indices []int) {
	n := len(indices) / (1 + len(t.Reordered))
	if t.Pixels != nil {
		t.resizePixels(s, n)
	} else {
		t.resizeValues(s, n)
	}
	s.Labels = s.Labels[:0]
	for _, i := range indices[:n] {
		s.Labels = append(s.Labels, int64(t.Dataset.Label(i)))
	}
}

func (t *viewTransform) resizeValues(s *Views, n int) {
	if s.Values == nil {
		s.Values = make([][]float32, t.Buffers())
	}
	for v := range s.Values {
		n := n * t.Spec(v).Len()
		if cap(s.Values[v]) < n {
			s.Values[v] = make([]float32, n)
		}
		s.Values[v] = s.Values[v][:n]
	}
}

func (t *viewTransform) resizePixels(s *Views, n int) {
	if s.Pixels == nil {
		s.Pixels = slices.Clone(t.Pixels[t.used])
		t.used++
	}
	for v := range s.Pixels {
		s.Pixels[v] = s.Pixels[v][:n*t.Spec(v).Len()]
	}
}

func (t *viewTransform) Worker() func(context.Context, *Views, int, int) error {
	w := &viewWorker{t: t, draws: make([]views.Draw, len(t.Views)), rand: views.NewRand(0, 0, 0, 0)}
	for i := range t.Views {
		w.exact = w.exact || t.Views[i].Exact
	}
	return w.fill
}

// viewWorker turns images into views. Each goroutine of a loader has one and reuses its
// buffers. It draws the random parameters of all views before it decodes an image, so
// that it decodes only the pixels that the crops need.
type viewWorker struct {
	t     *viewTransform
	exact bool // some view needs the file's own pixels
	file  []byte
	image views.Image
	draws []views.Draw
	rand  *views.Rand
	sc    views.Scratch
}

// fill writes all views of an image to the given row of a batch, or, if that is one of another order,
// the view of that order. It decodes an image the same way for both, because the pixels of a part
// depend on which views need it.
func (w *viewWorker) fill(ctx context.Context, s *Views, row, index int) error {
	start := time.Now()
	pixels, ok := w.part(ctx, index)
	if !ok {
		// The dataset knows how to replace a broken image.
		if err := w.t.Dataset.Image(ctx, index, &w.image); err != nil {
			return err
		}
		w.draw(index, w.image.W, w.image.H)
		pixels = views.Whole(&w.image)
	}
	decoded := time.Now()
	if others := w.t.Reordered; len(others) > 0 && row >= len(s.Labels) {
		order := row/len(s.Labels) - 1
		w.render(s, len(w.t.Views)+order, others[order].View, row%len(s.Labels), pixels)
	} else {
		for v := range w.t.Views {
			w.render(s, v, v, row, pixels)
		}
	}
	if t := w.t.Timing; t != nil {
		t.Images.Add(1)
		t.Decode.Add(int64(decoded.Sub(start)))
		t.Transform.Add(int64(time.Since(decoded)))
	}
	return nil
}

// render writes a view of the image that was decoded to a row of a buffer.
func (w *viewWorker) render(s *Views, buffer, view, row int, pixels views.Pixels) {
	spec := &w.t.Views[view]
	n := spec.Len()
	if s.Pixels != nil {
		spec.RenderPixels(s.Pixels[buffer][row*n:(row+1)*n], pixels, &w.draws[view], &w.sc)
	} else {
		spec.Render(s.Values[buffer][row*n:(row+1)*n], pixels, &w.draws[view], &w.sc)
	}
}

// WholePixels is the size up to which an image is decoded as a whole, so that the cache
// can keep it. Decoding it takes no longer than making its views.
const WholePixels = 128 * 128

// part decodes the region of a large JPEG file that the views need. ok is false for all
// other images and for broken files.
func (w *viewWorker) part(ctx context.Context, index int) (p views.Pixels, ok bool) {
	files, ok := w.t.Dataset.(data.Files)
	if !ok || w.exact {
		return p, false
	}
	decoder := files.Decoder()
	if decoder != nil && decoder.Strict {
		return p, false // the whole file is checked
	}
	file, err := files.File(ctx, index, w.file[:0])
	if err != nil {
		return p, false
	}
	if cap(file) > cap(w.file) {
		w.file = file
	}
	width, height, err := jpeg.Size(file)
	if err != nil || width*height <= WholePixels {
		return p, false
	}
	w.draw(index, width, height)
	box, eighths := views.Need(w.t.Views, w.draws, width, height)
	p = views.Pixels{Image: &w.image, Eighths: eighths}
	at, err := jpeg.DecodePart(file, box, eighths, &w.image)
	p.X, p.Y = at.X, at.Y
	if err == nil && at.Damage != "" {
		err = decoder.Damaged(at.Damage, func() string { return w.t.Dataset.Path(index) })
	}
	return p, err == nil
}

// draw draws the parameters of all views of an image with the given size.
func (w *viewWorker) draw(index, width, height int) {
	for v := range w.t.Views {
		w.rand.Reset(w.t.Seed, w.t.Epoch, index, v)
		w.draws[v] = w.t.Views[v].Draw(width, height, w.rand)
	}
}
