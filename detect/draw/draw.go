// Package draw shows objects on pictures: boxes, masks and labels that can be read whatever the
// size of the picture.
package draw

import (
	"cmp"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
	"slices"

	xdraw "golang.org/x/image/draw"

	"contralens/detect"
	"contralens/detect/mask"
	"contralens/views"
)

// Mark is an object to show.
type Mark struct {
	Box   [4]float64 // in pixels of the image
	Class int        // decides about the color
	Label string     // empty: no label
	Shape mask.Shape // in the size of the image; empty: no mask
	Style Style
}

// Style says how a mark is drawn.
type Style int

// The styles of marks.
const (
	Solid  Style = iota // in the color of the class
	Dashed              // difficult objects and crowds
	Thin                // white: what should have been found
)

// least is the length that the longer side of a picture has at least, so that there is room
// for labels.
const least = 640

// Picture returns an image with marks on it. Its longer side has side pixels; with 0 it is that
// of the image, and at least 640. Large objects are drawn first, and labels last, beside each
// other as far as there is room.
func Picture(m *views.Image, marks []Mark, side int) (*image.RGBA, error) {
	if m.W < 1 || m.H < 1 {
		return nil, fmt.Errorf("picture: want an image with pixels, got %d x %d", m.W, m.H)
	}
	if side <= 0 {
		side = max(m.W, m.H, least)
	}
	c := newCanvas(m, side)
	order := slices.Clone(marks)
	slices.SortStableFunc(order, func(a, b Mark) int { return cmp.Compare(area(b.Box), area(a.Box)) })
	for _, k := range order {
		if err := c.region(k); err != nil {
			return nil, err
		}
	}
	for _, k := range order {
		c.frame(k)
	}
	return c.out, c.labels(order)
}

func area(b [4]float64) float64 { return (b[2] - b[0]) * (b[3] - b[1]) }

// Objects returns the marks of annotated objects, with the names of their classes.
func Objects(m *detect.Image, classes []string) []Mark {
	marks := make([]Mark, len(m.Objects))
	for i, o := range m.Objects {
		marks[i] = Mark{Box: o.Box, Class: o.Class, Label: classes[o.Class], Shape: o.Shape}
		switch {
		case o.Crowd:
			marks[i].Style, marks[i].Label = Dashed, classes[o.Class]+" (crowd)"
		case o.Difficult:
			marks[i].Style, marks[i].Label = Dashed, classes[o.Class]+" (difficult)"
		}
	}
	return marks
}

// Found returns the marks of detections with scores of at least the given one, with the names of
// their classes and the scores in percent.
func Found(found []detect.Detection, classes []string, score float32) []Mark {
	var marks []Mark
	for _, d := range found {
		if d.Score < score {
			continue
		}
		k := Mark{Class: int(d.Class), Label: fmt.Sprintf("%s %.0f%%", classes[d.Class], 100*d.Score)}
		for i, v := range d.Box {
			k.Box[i] = float64(v)
		}
		k.Shape.RLE = d.Mask
		marks = append(marks, k)
	}
	return marks
}

// Truth returns the marks of annotated objects in the style of what should have been found:
// without labels and masks.
func Truth(m *detect.Image) []Mark {
	marks := make([]Mark, len(m.Objects))
	for i, o := range m.Objects {
		marks[i] = Mark{Box: o.Box, Class: o.Class, Style: Thin}
	}
	return marks
}

// canvas is a picture in the making.
type canvas struct {
	out           *image.RGBA
	w, h          int     // of the image
	scale         float64 // from the image to the picture
	line          int     // width of a frame
	width, height int     // of the picture
}

func newCanvas(m *views.Image, side int) *canvas {
	c := &canvas{w: m.W, h: m.H, scale: float64(side) / float64(max(m.W, m.H))}
	c.width = max(1, int(math.Round(float64(m.W)*c.scale)))
	c.height = max(1, int(math.Round(float64(m.H)*c.scale)))
	c.line = max(2, side/320)
	c.out = image.NewRGBA(image.Rect(0, 0, c.width, c.height))
	from := m.Picture()
	var scaler xdraw.Scaler = xdraw.CatmullRom
	switch {
	case c.scale == 1:
		draw.Draw(c.out, c.out.Bounds(), from, image.Point{}, draw.Src)
		return c
	case c.scale >= 4: // few pixels stay visible as such
		scaler = xdraw.NearestNeighbor
	}
	scaler.Scale(c.out, c.out.Bounds(), from, from.Bounds(), draw.Src, nil)
	return c
}

// rectangle returns a box in pixels of the picture.
func (c *canvas) rectangle(b [4]float64) image.Rectangle {
	at := func(v float64, most int) int { return int(math.Round(min(max(v*c.scale, 0), float64(most)))) }
	r := image.Rect(at(b[0], c.width), at(b[1], c.height), at(b[2], c.width), at(b[3], c.height))
	r.Max.X, r.Max.Y = max(r.Max.X, r.Min.X+1), max(r.Max.Y, r.Min.Y+1)
	return r
}

// region fills the mask of a mark half transparently, with an outline.
func (c *canvas) region(k Mark) error {
	if k.Shape.Empty() {
		return nil
	}
	inside, err := c.mask(k.Shape)
	if err != nil {
		return err
	}
	ink := Color(k.Class)
	for y := range c.height {
		for x := range c.width {
			if !inside(x, y) {
				continue
			}
			strength := 0.4
			if !inside(x-1, y) || !inside(x+1, y) || !inside(x, y-1) || !inside(x, y+1) {
				strength = 0.9
			}
			c.blend(x, y, ink, strength)
		}
	}
	return nil
}

// mask returns a function that reports whether a pixel of the picture is in a shape.
func (c *canvas) mask(s mask.Shape) (func(x, y int) bool, error) {
	width, height := c.width, c.height
	if s.RLE != nil {
		width, height = c.w, c.h
	} else {
		scaled := mask.Shape{Polygons: make([][]float64, len(s.Polygons))}
		for i, p := range s.Polygons {
			for _, v := range p {
				scaled.Polygons[i] = append(scaled.Polygons[i], v*c.scale)
			}
		}
		s = scaled
	}
	r, err := s.Mask(height, width)
	if err != nil {
		return nil, err
	}
	pixels, err := r.Decode()
	return func(x, y int) bool {
		if x < 0 || y < 0 || x >= c.width || y >= c.height {
			return false
		}
		return pixels[y*height/c.height*width+x*width/c.width] != 0
	}, err
}

func (c *canvas) blend(x, y int, ink color.RGBA, strength float64) {
	at := c.out.PixOffset(x, y)
	for i, v := range [3]uint8{ink.R, ink.G, ink.B} {
		p := &c.out.Pix[at+i]
		*p = uint8(math.Round(float64(*p)*(1-strength) + float64(v)*strength))
	}
}

// frame draws the box of a mark, with a dark edge that keeps it visible on its own color.
func (c *canvas) frame(k Mark) {
	r := c.rectangle(k.Box)
	ink, width := Color(k.Class), c.line
	if k.Style == Thin {
		ink, width = color.RGBA{255, 255, 255, 255}, max(1, c.line/2)
	}
	outer := r.Inset(-1).Intersect(c.out.Bounds())
	for y := outer.Min.Y; y < outer.Max.Y; y++ {
		for x := outer.Min.X; x < outer.Max.X; x++ {
			in := min(x-r.Min.X, y-r.Min.Y, r.Max.X-1-x, r.Max.Y-1-y)
			if in > width {
				x = max(x, r.Max.X-width-2) // skip the inside
				continue
			}
			gap := k.Style == Dashed && (x+y)/(4*c.line)%2 == 1
			switch {
			case gap:
			case in >= 0 && in < width:
				c.out.SetRGBA(x, y, ink)
			default:
				c.blend(x, y, color.RGBA{A: 255}, 0.5)
			}
		}
	}
}
