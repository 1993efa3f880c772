package views

import (
	"math"

	"contralens/views/internal/kernel"
)

// Box is a rectangle of an image in pixels.
type Box struct{ X, Y, W, H int }

// taps are the weights of one output pixel for the inputs first … first+len(weights)-1.
type taps struct {
	first   int
	weights []int32 // in units of 2^-22
}

const precision = 22

// triangle computes the weights of a bilinear resize with antialiasing from in to
// out pixels (Pillow's precompute_coeffs). It reuses the memory of list and pool.
func triangle(list []taps, pool []int32, in, out int) ([]taps, []int32) {
	scale := float64(in) / float64(out)
	support := max(scale, 1)
	list, pool = list[:0], pool[:0]
	if need := out * (int(math.Ceil(support))*2 + 1); cap(pool) < need {
		pool = make([]int32, 0, need)
	}
	var raw [64]float64
	for x := range out {
		center := (float64(x) + 0.5) * scale
		lo, hi := max(0, int(center-support+0.5)), min(in, int(center+support+0.5))
		w, sum := raw[:0], 0.0
		for i := lo; i < hi; i++ {
			v := max(0, 1-math.Abs((float64(i)-center+0.5)/support))
			w, sum = append(w, v), sum+v
		}
		start := len(pool)
		for _, v := range w {
			if sum != 0 {
				v /= sum
			}
			pool = append(pool, int32(v*(1<<precision)+0.5))
		}
		list = append(list, taps{lo, pool[start:len(pool):len(pool)]})
	}
	return list, pool
}

// Scratch holds the buffers that one goroutine reuses from view to view. The zero value
// is ready to use.
type Scratch struct {
	view, rows, whole Image
	taps              []taps
	pool              []int32
	line, box         []uint8
	columns           []float32
	plan              kernel.Plan
	room              []uint8
}

// ResizedCrop cuts box out of src and resizes it to w x h in dst: bilinear with
// antialiasing, first the width, then the height, with 8-bit values in between. An axis
// that keeps its size is skipped. dst must not be src.
func ResizedCrop(dst, src *Image, box Box, w, h int, sc *Scratch) {
	rows := &sc.rows
	if h == box.H {
		rows = dst
	}
	rows.Resize(w, box.H)
	if w == box.W {
		Cut(rows, src, box)
	} else {
		sc.taps, sc.pool = triangle(sc.taps, sc.pool, box.W, w)
		for y := range box.H {
			from := 3 * ((box.Y+y)*src.W + box.X)
			horizontal(rows.Pix[3*y*w:3*(y+1)*w], src.Pix[from:from+3*box.W], sc.taps)
		}
	}
	if h == box.H {
		return
	}
	dst.Resize(w, h)
	sc.taps, sc.pool = triangle(sc.taps, sc.pool, box.H, h)
	for y, t := range sc.taps {
		vertical(dst.Pix[3*y*w:3*(y+1)*w], rows.Pix[3*t.first*w:], 3*w, t.weights)
	}
}

// Cut copies box out of src. dst must not be src.
func Cut(dst, src *Image, box Box) {
	dst.Resize(box.W, box.H)
	for y := range box.H {
		from := 3 * ((box.Y+y)*src.W + box.X)
		copy(dst.Pix[3*y*box.W:3*(y+1)*box.W], src.Pix[from:from+3*box.W])
	}
}

func horizontal(dst, src []uint8, list []taps) {
	for x, t := range list {
		const half = int32(1 << (precision - 1))
		r, g, b := half, half, half
		in := src[3*t.first:]
		for i, w := range t.weights {
			p := in[3*i : 3*i+3 : 3*i+3]
			r += int32(p[0]) * w
			g += int32(p[1]) * w
			b += int32(p[2]) * w
		}
		out := dst[3*x : 3*x+3 : 3*x+3]
		out[0], out[1], out[2] = clamp8(r>>precision), clamp8(g>>precision), clamp8(b>>precision)
	}
}

func vertical(dst, src []uint8, stride int, weights []int32) {
	for x := range dst {
		sum, at := int32(1<<(precision-1)), x
		for _, w := range weights {
			sum += int32(src[at]) * w
			at += stride
		}
		dst[x] = clamp8(sum >> precision)
	}
}

func clamp8(v int32) uint8 {
	return uint8(min(max(v, 0), 255))
}

// EvalCrop is the transform of evaluation: it resizes the short side to
// round(size·256/224) and the long side in proportion (rounded down), then cuts out the
// central size x size pixels. An image of exactly that size is copied.
func EvalCrop(dst, src *Image, size int, sc *Scratch) {
	if src.W == size && src.H == size {
		dst.Copy(src)
		return
	}
	w, h := evalSize(src.W, src.H, size)
	whole := &sc.whole
	ResizedCrop(whole, src, Box{0, 0, src.W, src.H}, w, h, sc)
	Cut(dst, whole, Box{center(w, size), center(h, size), size, size})
}

// ShortestEdge returns the size of an image of w x h pixels whose shorter side becomes short,
// or less if the longer one would have more than longest pixels (0: no limit). short 0 keeps
// the size. It is Detectron2's ResizeShortestEdge: computed in float64, rounded half up.
func ShortestEdge(w, h, short, longest int) (int, int) {
	if short == 0 {
		return w, h
	}
	scale := float64(short) / float64(min(w, h))
	newW, newH := float64(short), float64(scale*float64(h))
	if h < w {
		newW, newH = float64(scale*float64(w)), float64(short)
	}
	if most := max(newW, newH); longest > 0 && most > float64(longest) {
		scale = float64(longest) / most
		newW, newH = newW*scale, newH*scale
	}
	return max(1, int(newW+0.5)), max(1, int(newH+0.5))
}

// center is the first of the central size pixels of n.
func center(n, size int) int { return int(math.RoundToEven(float64(n-size) / 2)) }

// evalSize is the size of an image of w x h before the center is cut out.
func evalSize(w, h, size int) (int, int) {
	short := int(math.Round(float64(size) * 256 / 224))
	if w <= h {
		return short, int(float64(short) * float64(h) / float64(w))
	}
	return int(float64(short) * float64(w) / float64(h)), short
}
