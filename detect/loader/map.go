package loader

import (
	"contralens/detect"
	"contralens/detect/mask"
	"contralens/views"
)

// place says where an image lies in a batch: its size, and whether it is mirrored.
type place struct {
	index         int // of the image in the set
	width, height int
	flip          bool
}

// draw chooses the size of an image and whether it is mirrored. Index counts on from pass to
// pass, as stream does.
func (o *Options) draw(index int) place {
	n := len(o.Set.Images)
	p := place{index: index % n}
	short := o.Short[0]
	if o.Train {
		r := views.NewRand(o.Seed, index/n, p.index, 0)
		short = o.Short[r.IntN(len(o.Short))]
		p.flip = r.Float64() < 0.5
	}
	m := &o.Set.Images[p.index]
	p.width, p.height = views.ShortestEdge(m.Width, m.Height, short, o.MaxSide)
	return p
}

// sample returns the objects of an image at its place: corners are scaled, mirrored, and boxes
// cut to the image, all in float64. Objects without an area left are dropped, and with masks
// those without a region. Polygons are not cut.
func (o *Options) sample(p place) (detect.Sample, error) {
	m := &o.Set.Images[p.index]
	s := detect.Sample{Index: p.index, Width: p.width, Height: p.height, Flip: p.flip}
	t := transform{
		sx: float64(p.width) / float64(m.Width), sy: float64(p.height) / float64(m.Height),
		width: float64(p.width), height: float64(p.height), flip: p.flip,
	}
	for _, object := range m.Objects {
		if o.Train && object.Crowd || o.Masks && object.Shape.Empty() {
			continue
		}
		b := t.box(object.Box)
		if b[2]-b[0] <= smallest || b[3]-b[1] <= smallest {
			continue
		}
		s.Boxes = append(s.Boxes, b)
		s.Classes = append(s.Classes, int32(object.Class))
		if o.Masks {
			shape, err := t.shape(object.Shape, p)
			if err != nil {
				return s, err
			}
			s.Shapes = append(s.Shapes, shape)
		}
	}
	return s, nil
}

// smallest is the side that a box must exceed, in pixels.
const smallest = 1e-5

// transform maps an image's coordinates to those of its place.
type transform struct {
	sx, sy        float64
	width, height float64
	flip          bool
}

func (t *transform) point(x, y float64) (float64, float64) {
	x, y = float64(x*t.sx), float64(y*t.sy) // a conversion keeps them from being fused with the difference
	if t.flip {
		x = t.width - x
	}
	return x, y
}

func (t *transform) box(b [4]float64) [4]float32 {
	x0, y0 := t.point(b[0], b[1])
	x1, y1 := t.point(b[2], b[3])
	within := func(v, most float64) float32 { return float32(min(max(v, 0), most)) }
	return [4]float32{
		within(min(x0, x1), t.width), within(min(y0, y1), t.height),
		within(max(x0, x1), t.width), within(max(y0, y1), t.height),
	}
}

func (t *transform) shape(s mask.Shape, p place) (mask.Shape, error) {
	if s.RLE != nil {
		r, err := resize(s.RLE, p.width, p.height, p.flip)
		return mask.Shape{RLE: r}, err
	}
	out := mask.Shape{Polygons: make([][]float64, len(s.Polygons))}
	for i, polygon := range s.Polygons {
		q := make([]float64, len(polygon))
		for j := 0; j+1 < len(q); j += 2 {
			q[j], q[j+1] = t.point(polygon[j], polygon[j+1])
		}
		out.Polygons[i] = q
	}
	return out, nil
}

// resize resizes a mask as Pillow does with NEAREST, and mirrors it.
func resize(r *mask.RLE, width, height int, flip bool) (*mask.RLE, error) {
	from, err := r.Decode()
	if err != nil {
		return nil, err
	}
	columns, rows := nearest(r.Width, width), nearest(r.Height, height)
	to := make([]uint8, width*height)
	for y, v := range rows {
		for x, u := range columns {
			if flip {
				x = width - 1 - x
			}
			to[y*width+x] = from[v*r.Width+u]
		}
	}
	return mask.Encode(to, height, width), nil
}

// nearest returns the pixel that each of out pixels takes of in. Pillow adds up the position
// instead of multiplying it, so its roundings are repeated.
func nearest(in, out int) []int {
	list := make([]int, out)
	scale := float64(in) / float64(out)
	at := float64(scale * 0.5)
	for i := range list {
		list[i] = min(int(at), in-1)
		at += scale
	}
	return list
}
