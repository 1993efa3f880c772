package data

import (
	"contralens/views"
)

// worker turns images into views; each goroutine of a loader has one, whose
// buffers serve image after image. It decodes an image once for all its views.
type worker struct {
	o     *LoaderOptions
	image views.Image
	draws []views.Draw
	rand  *views.Rand
	sc    views.Scratch
}

func newWorker(o *LoaderOptions) *worker {
	return &worker{o: o, draws: make([]views.Draw, len(o.Views)), rand: views.NewRand(0, 0, 0, 0)}
}

// views writes all views of the image in that row of a batch.
func (w *worker) views(b *Batch, row int) error {
	index := b.Indices[row]
	// The dataset also knows what to do about an image that is broken.
	if err := w.o.Dataset.Image(index, &w.image); err != nil {
		return err
	}
	w.draw(index, w.image.W, w.image.H)
	pixels := views.Whole(&w.image)
	for v := range w.o.Views {
		s := &w.o.Views[v]
		n := s.Len()
		s.Render(b.Views[v][row*n:(row+1)*n], pixels, &w.draws[v], &w.sc)
	}
	return nil
}

// draw draws all views of an image of that size.
func (w *worker) draw(index, width, height int) {
	for v := range w.o.Views {
		w.rand.Reset(w.o.Seed, w.o.Epoch, index, v)
		w.draws[v] = w.o.Views[v].Draw(width, height, w.rand)
	}
}
