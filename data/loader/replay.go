package loader

import (
	"context"

	"contralens/views"
)

// Replay makes the views of one image again that the epoch of the options makes of it, by the same
// code and the same random numbers: 8-bit RGB for each view, as [views.Spec.RenderPixels] writes it.
func Replay(ctx context.Context, o ViewOptions, index int) ([][]uint8, error) {
	o.Timing = nil
	t := &viewTransform{ViewOptions: o}
	var s Views
	for i := range o.Views {
		s.Pixels = append(s.Pixels, make([]uint8, o.Views[i].Len()))
	}
	return s.Pixels, t.Worker()(ctx, &s, 0, index)
}

// Picture is a view that Replay made as an image. Jigsaws have none.
func Picture(pixels []uint8, s views.Spec) *views.Image {
	return &views.Image{W: s.Size, H: s.Size, Pix: pixels}
}
