package data

import (
	"time"

	"contralens/data/jpeg"
	"contralens/views"
)

// worker turns images into views; each goroutine of a loader has one, whose
// buffers serve image after image. For every image chance is asked first, so
// that only those pixels are decoded that the views' crops cover.
type worker struct {
	o     *LoaderOptions
	exact bool // some view wants the file's own pixels
	file  []byte
	image views.Image
	draws []views.Draw
	rand  *views.Rand
	sc    views.Scratch
}

func newWorker(o *LoaderOptions) *worker {
	w := &worker{o: o, draws: make([]views.Draw, len(o.Views)), rand: views.NewRand(0, 0, 0, 0)}
	for i := range o.Views {
		w.exact = w.exact || o.Views[i].Exact
	}
	return w
}

// views writes all views of the image in that row of a batch.
func (w *worker) views(b *Batch, row int) error {
	index, start := b.Indices[row], time.Now()
	pixels, ok := w.part(index)
	if !ok {
		// The dataset also knows what to do about an image that is broken.
		if err := w.o.Dataset.Image(index, &w.image); err != nil {
			return err
		}
		w.draw(index, w.image.W, w.image.H)
		pixels = views.Whole(&w.image)
	}
	decoded := time.Now()
	for v := range w.o.Views {
		s := &w.o.Views[v]
		n := s.Len()
		s.Render(b.Views[v][row*n:(row+1)*n], pixels, &w.draws[v], &w.sc)
	}
	if t := w.o.Timing; t != nil {
		t.Images.Add(1)
		t.Decode.Add(int64(decoded.Sub(start)))
		t.Transform.Add(int64(time.Since(decoded)))
	}
	return nil
}

// wholePixels is the size up to which images are decoded wholly, since that
// takes no longer than the views do, and kept by the cache.
const wholePixels = 128 * 128

// part decodes what the views need of a large JPEG file; ok is false for all
// other images and whenever something is wrong with the file.
func (w *worker) part(index int) (p views.Pixels, ok bool) {
	files, ok := w.o.Dataset.(Encoded)
	if !ok || w.exact {
		return p, false
	}
	file, err := files.Encoded(index, w.file[:0])
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
	box, eighths := views.Need(w.o.Views, w.draws, width, height)
	p = views.Pixels{Image: &w.image, Eighths: eighths}
	p.X, p.Y, err = jpeg.DecodePart(file, box, eighths, &w.image)
	return p, err == nil
}

// draw draws all views of an image of that size.
func (w *worker) draw(index, width, height int) {
	for v := range w.o.Views {
		w.rand.Reset(w.o.Seed, w.o.Epoch, index, v)
		w.draws[v] = w.o.Views[v].Draw(width, height, w.rand)
	}
}
