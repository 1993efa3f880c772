package views

import (
	"math"

	"contralens/views/internal/kernel"
)

// fast is the path of training: one call to C makes the whole view. On the same pixels it
// computes the same values as the plain path (the 23-tap blur within one level).
func (s *Spec) fast(dst []float32, p Pixels, d *Draw, sc *Scratch) {
	k := &sc.plan
	s.plan(k, p, d)
	kernel.View(k, p.Pix, &sc.room, dst)
}

// fastPixels is fast without the last transform of the colors.
func (s *Spec) fastPixels(dst []uint8, p Pixels, d *Draw, sc *Scratch) {
	k := &sc.plan
	s.plan(k, p, d)
	kernel.View8(k, p.Pix, &sc.room, dst)
}

// augmented is the fast path up to RandAugment, whose operations are those of the plain
// path.
func (s *Spec) augmented(p Pixels, d *Draw, sc *Scratch) *Image {
	k, v := &sc.plan, &sc.view
	s.plan(k, p, d)
	k.Patches = 0 // the patches of a jigsaw are cut out later
	v.Resize(s.crop(), s.crop())
	kernel.View8(k, p.Pix, &sc.room, v.Pix)
	for _, a := range d.Applied {
		v.Apply(a, sc)
	}
	if d.Gray && s.GrayLast {
		v.Gray()
	}
	return v
}

// plan describes the view to the kernel.
func (s *Spec) plan(k *kernel.Plan, p Pixels, d *Draw) {
	*k = kernel.Plan{SourceW: int32(p.W), SourceH: int32(p.H)}
	scale := float64(p.Eighths) / 8
	k.X, k.Y = float64(d.Crop.X)*scale-float64(p.X), float64(d.Crop.Y)*scale-float64(p.Y)
	k.W, k.H = float64(d.Crop.W)*scale, float64(d.Crop.H)*scale
	out := s.window(d.Crop)
	k.OutW, k.OutH, k.Left, k.Top = int32(out.wide), int32(out.high), int32(out.X), int32(out.Y)
	k.SizeW, k.SizeH = int32(out.W), int32(out.H)
	if d.Flip {
		k.Flip = 1
	}
	if d.Jitter {
		for _, op := range d.Order {
			switch f := d.Factors[op]; {
			case s.Jitter[op] == 0:
			case op == 0:
				k.Add(kernel.Brightness, f)
			case op == 1:
				k.Add(kernel.Contrast, f)
			case op == 2:
				k.Add(kernel.Saturation, f)
			case op == 3:
				k.Add(kernel.Hue, float64(uint8(int(f*255))))
			}
		}
	}
	if d.Gray && !s.GrayLast {
		k.Add(kernel.Gray, 0)
	}
	if d.Sigma > 0 {
		if s.Blur23 {
			k.Add(kernel.Blur23, d.Sigma)
		} else {
			k.Add(kernel.Blur, d.Sigma)
		}
	}
	if d.Gray && s.GrayLast && s.Operations == nil {
		k.Add(kernel.Gray, 0)
	}
	n := s.colors().affine()
	k.Bias = n.Bias
	for i, row := range n.Scale {
		copy(k.Scale[3*i:], row[:])
	}
	if s.Kind == Jigsaw {
		k.Patches, k.Patch = 9, int32(s.patch())
		for i, at := range d.Patches {
			k.At[i] = [2]int32{int32(s.cell()*(i%3) + at[0]), int32(s.cell()*(i/3) + at[1])}
		}
	}
}

// window is the part of a crop that becomes the view: the crop is resized to wide x high,
// then Box is cut out.
type window struct {
	Box
	wide, high int
}

func (s *Spec) window(crop Box) window {
	size := s.crop()
	if s.Kind != CenterCrop || (crop.W == size && crop.H == size) {
		return window{Box{0, 0, size, size}, size, size}
	}
	w, h := evalSize(crop.W, crop.H, size)
	return window{Box{center(w, size), center(h, size), size, size}, w, h}
}

// Need returns the box of an image of w x h pixels that the views need, and the scale to
// decode it at: the smallest of 1, 2, 4 and 8 eighths at which no crop has fewer pixels
// than its view. Other scales take longer than the full one, because libjpeg-turbo has no
// vector code for them (300 photos, ms each: 8/8 1.18, 6/8 1.59, 4/8 1.03). Evaluation
// uses the full scale, so that features are comparable with those of other programs.
func Need(specs []Spec, draws []Draw, w, h int) (box Box, eighths int) {
	eighths = 1
	left, top, right, bottom := w, h, 0, 0
	for i := range specs {
		s, crop := &specs[i], draws[i].Crop
		part := crop
		out := s.window(crop)
		if s.Kind == CenterCrop {
			eighths = 8
			part = source(crop, out)
		}
		for eighths < 8 && (crop.W*eighths < 8*out.wide || crop.H*eighths < 8*out.high) {
			eighths *= 2
		}
		left, top = min(left, part.X), min(top, part.Y)
		right, bottom = max(right, part.X+part.W), max(bottom, part.Y+part.H)
	}
	return Box{left, top, right - left, bottom - top}, eighths
}

// source is the part of a crop that a window of the resized crop is computed from.
func source(crop Box, out window) Box {
	span := func(from, size, start, count, total int) (int, int) {
		scale := float64(size) / float64(total)
		support := max(scale, 1)
		lo := max(0, int(math.Floor((float64(start)+0.5)*scale-support)))
		hi := min(size, int(math.Ceil((float64(start+count)-0.5)*scale+support)))
		return from + lo, hi - lo
	}
	var b Box
	b.X, b.W = span(crop.X, crop.W, out.X, out.W, out.wide)
	b.Y, b.H = span(crop.Y, crop.H, out.Y, out.H, out.high)
	return b
}
