package loader

import (
	"context"
	"sync/atomic"
	"time"

	"contralens/data"
	"contralens/data/codec/jpeg"
	"contralens/views"
	"contralens/world"
)

// Views are the samples of contrastive learning: some images' views.
type Views struct {
	Labels []int64     // of the images; -1 without classes
	Values [][]float32 // for each view a buffer [N, Shape of its Spec]
}

// ViewBatch is a batch of views.
type ViewBatch = Batch[Views]

// ViewLoader loads batches of views; NewViews makes one.
type ViewLoader = Loader[Views]

// ViewOptions say which views of which images to load.
type ViewOptions struct {
	Dataset    data.Dataset
	Views      []views.Spec // the views of each image, which is decoded once for all
	BatchSize  int          // over all processes
	Workers    int          // goroutines; 0: one per processor
	Seed       uint64
	Epoch      int
	Shuffle    bool // in an order that depends on Seed and Epoch alone
	DropLast   bool // leave out a last batch that is not full
	FirstBatch int  // begin with this batch, to resume in the middle of an epoch
	World      world.World
	Timing     *Timing
}

// Timing adds up where workers spend their time; nil in ViewOptions: nowhere.
type Timing struct {
	Images            atomic.Int64
	Decode, Transform atomic.Int64 // nanoseconds; Decode with reading
}

// NewViews starts loading the batches of one epoch.
func NewViews(ctx context.Context, o ViewOptions) *ViewLoader {
	e := Epoch{Size: o.BatchSize, DropLast: o.DropLast, World: o.World}
	if o.Shuffle {
		e.Order = Shuffled(o.Dataset.Len(), o.Seed, o.Epoch)
	} else {
		e.Order = InOrder(o.Dataset.Len())
	}
	return New(ctx, Options{Sampler: e, FirstBatch: o.FirstBatch, Workers: o.Workers}, &viewTransform{o})
}

type viewTransform struct{ ViewOptions }

func (t *viewTransform) Resize(s *Views, indices []int) {
	if s.Values == nil {
		s.Values = make([][]float32, len(t.Views))
	}
	for v := range s.Values {
		n := len(indices) * t.Views[v].Len()
		if cap(s.Values[v]) < n {
			s.Values[v] = make([]float32, n)
		}
		s.Values[v] = s.Values[v][:n]
	}
	s.Labels = s.Labels[:0]
	for _, i := range indices {
		s.Labels = append(s.Labels, int64(t.Dataset.Label(i)))
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
// that it decodes only the pixels that the crops cover.
type viewWorker struct {
	t     *viewTransform
	exact bool // some view wants the file's own pixels
	file  []byte
	image views.Image
	draws []views.Draw
	rand  *views.Rand
	sc    views.Scratch
}

// fill writes all views of an image into that row of a batch.
func (w *viewWorker) fill(ctx context.Context, s *Views, row, index int) error {
	start := time.Now()
	pixels, ok := w.part(ctx, index)
	if !ok {
		// The dataset also knows how to replace a broken image.
		if err := w.t.Dataset.Image(ctx, index, &w.image); err != nil {
			return err
		}
		w.draw(index, w.image.W, w.image.H)
		pixels = views.Whole(&w.image)
	}
	decoded := time.Now()
	for v := range w.t.Views {
		spec := &w.t.Views[v]
		n := spec.Len()
		spec.Render(s.Values[v][row*n:(row+1)*n], pixels, &w.draws[v], &w.sc)
	}
	if t := w.t.Timing; t != nil {
		t.Images.Add(1)
		t.Decode.Add(int64(decoded.Sub(start)))
		t.Transform.Add(int64(time.Since(decoded)))
	}
	return nil
}

// wholePixels is the size up to which images are decoded as a whole, and so kept by the
// cache: that takes no longer than making the views.
const wholePixels = 128 * 128

// part decodes the region of a large JPEG file that the views need. ok is false for all
// other images, and when anything is wrong with the file.
func (w *viewWorker) part(ctx context.Context, index int) (p views.Pixels, ok bool) {
	files, ok := w.t.Dataset.(data.Files)
	if !ok || w.exact {
		return p, false
	}
	file, err := files.File(ctx, index, w.file[:0])
	if err != nil {
		return p, false
	}
	if cap(file) > cap(w.file) {
		w.file = file
	}
	width, height, err := jpeg.Size(file)
	if err != nil || width*height <= wholePixels {
		return p, false
	}
	w.draw(index, width, height)
	box, eighths := views.Need(w.t.Views, w.draws, width, height)
	p = views.Pixels{Image: &w.image, Eighths: eighths}
	p.X, p.Y, err = jpeg.DecodePart(file, box, eighths, &w.image)
	return p, err == nil
}

// draw draws all views of an image of that size.
func (w *viewWorker) draw(index, width, height int) {
	for v := range w.t.Views {
		w.rand.Reset(w.t.Seed, w.t.Epoch, index, v)
		w.draws[v] = w.t.Views[v].Draw(width, height, w.rand)
	}
}
