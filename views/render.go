package views

import "fmt"

// Pixels are the decoded part of an image that its views need.
type Pixels struct {
	*Image
	X, Y    int // position of the part in the whole image, in pixels at the decoded scale
	Eighths int // the decoded scale in eighths; 8 is full size
}

// Whole returns a completely decoded image as Pixels.
func Whole(m *Image) Pixels { return Pixels{Image: m, Eighths: 8} }

// View draws a view of an image and writes it to dst, which has [Spec.Len] values in
// [Spec.Shape].
func (s *Spec) View(dst []float32, m *Image, r *Rand, sc *Scratch) {
	d := s.Draw(m.W, m.H, r)
	s.Render(dst, Whole(m), &d, sc)
}

// Render writes the view d to dst, which has [Spec.Len] values in [Spec.Shape]: planar
// and normalized. It panics if Exact is set and the pixels are not at full scale.
func (s *Spec) Render(dst []float32, p Pixels, d *Draw, sc *Scratch) {
	if s.plain() {
		s.write(dst, s.image(p, d, sc), d, sc)
	} else {
		s.fast(dst, p, d, sc)
	}
}

// RenderPixels writes the view d to dst as Render does, but before the last transform of
// the colors, which [Spec.Normalization] describes: [Spec.Len] values of 8-bit RGB,
// interleaved [Size, Size, 3], or [9, patch, patch, 3] for a jigsaw. That is a quarter of
// the bytes, and every operation but the last one works on 8 bits anyway.
func (s *Spec) RenderPixels(dst []uint8, p Pixels, d *Draw, sc *Scratch) {
	if s.plain() {
		s.writePixels(dst, s.image(p, d, sc), d, sc)
	} else {
		s.fastPixels(dst, p, d, sc)
	}
}

// plain reports whether the last steps of a view run in Go: on the plain path, and after
// the operations of RandAugment.
func (s *Spec) plain() bool { return s.Exact || s.Operations != nil }

// image returns the view d before the last transform of the colors. It is part of sc.
func (s *Spec) image(p Pixels, d *Draw, sc *Scratch) *Image {
	if s.Exact {
		return s.exact(p, d, sc)
	}
	return s.augmented(p, d, sc)
}

// exact is the plain path: one operation after the other on 8-bit RGB, as in Pillow and
// torchvision.
func (s *Spec) exact(p Pixels, d *Draw, sc *Scratch) *Image {
	if p.Eighths != 8 {
		panic(fmt.Sprintf("views: the exact path wants pixels at full scale, got %d/8", p.Eighths))
	}
	v := &sc.view
	if s.Kind == CenterCrop {
		EvalCrop(v, p.Image, s.Size, sc)
	} else {
		box := d.Crop
		box.X, box.Y = box.X-p.X, box.Y-p.Y
		ResizedCrop(v, p.Image, box, s.crop(), s.crop(), sc)
	}
	if d.Flip {
		v.Flip()
	}
	if d.Jitter {
		v.jitter(s, d)
	}
	if d.Gray && !s.GrayLast {
		v.Gray()
	}
	if d.Sigma > 0 {
		if s.Blur23 {
			v.GaussianBlur23(d.Sigma, sc)
		} else {
			v.GaussianBlur(d.Sigma, sc)
		}
	}
	for _, a := range d.Applied {
		v.Apply(a, sc)
	}
	if d.Gray && s.GrayLast {
		v.Gray()
	}
	return v
}

// jitter is torchvision's ColorJitter.
func (m *Image) jitter(s *Spec, d *Draw) {
	for _, op := range d.Order {
		f := d.Factors[op]
		switch {
		case s.Jitter[op] == 0:
		case op == 0:
			m.Brightness(f)
		case op == 1:
			m.Contrast(f)
		case op == 2:
			m.Saturation(f)
		case op == 3:
			m.Hue(f)
		}
	}
}

// write writes the view v to dst with the last transform of the colors, or the patches of
// a jigsaw.
func (s *Spec) write(dst []float32, v *Image, d *Draw, sc *Scratch) {
	n := s.Len()
	s.pieces(v, d, sc, func(i, count int, piece *Image) {
		s.colors().Write(dst[i*n/count:(i+1)*n/count], piece)
	})
}

// writePixels is write without the last transform of the colors.
func (s *Spec) writePixels(dst []uint8, v *Image, d *Draw, sc *Scratch) {
	n := s.Len()
	s.pieces(v, d, sc, func(i, count int, piece *Image) {
		copy(dst[i*n/count:(i+1)*n/count], piece.Pix)
	})
}

// pieces calls write with each of count pieces of the view v: the whole of it, or the
// patches of a jigsaw.
func (s *Spec) pieces(v *Image, d *Draw, sc *Scratch, write func(i, count int, piece *Image)) {
	if s.Kind != Jigsaw {
		write(0, 1, v)
		return
	}
	cell, patch := s.cell(), s.patch()
	for i, at := range d.Patches {
		piece := &sc.rows
		Cut(piece, v, Box{cell*(i%3) + at[0], cell*(i/3) + at[1], patch, patch})
		write(i, len(d.Patches), piece)
	}
}
