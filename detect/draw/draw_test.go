package draw

import (
	"image"
	"image/color"
	"math"
	"testing"

	"contralens/detect"
	"contralens/detect/mask"
	"contralens/views"
)

// gray returns a gray image.
func gray(w, h int) *views.Image {
	m := &views.Image{}
	m.Resize(w, h)
	for i := range m.Pix {
		m.Pix[i] = 128
	}
	return m
}

var ground = color.RGBA{128, 128, 128, 255}

func picture(t *testing.T, m *views.Image, marks []Mark, side int) *image.RGBA {
	t.Helper()
	p, err := Picture(m, marks, side)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Pictures are large enough for labels, whatever the size of the image.
func TestSize(t *testing.T) {
	for _, c := range []struct{ w, h, side, width, height int }{
		{60, 40, 0, 640, 427}, {1, 1, 0, 640, 640}, {640, 480, 0, 640, 480}, {1000, 3000, 0, 1000, 3000},
		{1000, 500, 300, 300, 150}, {4000, 1, 200, 200, 1},
	} {
		all := []Mark{{Box: [4]float64{0, 0, float64(c.w), float64(c.h)}, Label: "a label that is longer than the picture is wide"}}
		p := picture(t, gray(c.w, c.h), all, c.side)
		if p.Rect.Dx() != c.width || p.Rect.Dy() != c.height {
			t.Errorf("%d x %d with side %d: %v, want %d x %d", c.w, c.h, c.side, p.Rect, c.width, c.height)
		}
	}
	if _, err := Picture(&views.Image{}, nil, 0); err == nil {
		t.Error("want an error for an image without pixels")
	}
}

// A frame lies just inside its box, in its color, and the rest of the picture stays.
func TestFrame(t *testing.T) {
	p := picture(t, gray(700, 700), []Mark{{Box: [4]float64{100, 200, 300, 400}, Class: 3}}, 0)
	for at, want := range map[image.Point]color.RGBA{
		{100, 200}: Color(3), {299, 399}: Color(3), {101, 300}: Color(3), {298, 300}: Color(3), {200, 201}: Color(3),
		{200, 300}: ground, {90, 300}: ground, {310, 300}: ground, {200, 190}: ground, {104, 300}: ground,
	} {
		if got := p.RGBAAt(at.X, at.Y); got != want {
			t.Errorf("pixel %v: %v, want %v", at, got, want)
		}
	}
	if p.RGBAAt(99, 300) == ground || p.RGBAAt(102, 300) == ground {
		t.Error("want a dark edge on both sides of a line")
	}
	dashed := picture(t, gray(700, 700), []Mark{{Box: [4]float64{100, 200, 300, 400}, Style: Dashed}}, 0)
	count := 0
	for x := 100; x < 300; x++ {
		if dashed.RGBAAt(x, 200) == Color(0) {
			count++
		}
	}
	if count < 80 || count > 120 {
		t.Errorf("%d of 200 pixels of a dashed line", count)
	}
}

// A mask tints its pixels, as a polygon and as a mask, also in a picture of another size.
func TestMasks(t *testing.T) {
	polygon := mask.Shape{Polygons: [][]float64{{10, 10, 50, 10, 50, 30, 10, 30}}}
	r, err := polygon.Mask(40, 60)
	if err != nil {
		t.Fatal(err)
	}
	for name, shape := range map[string]mask.Shape{"polygon": polygon, "mask": {RLE: r}} {
		for _, side := range []int{60, 600, 45} {
			p := picture(t, gray(60, 40), []Mark{{Box: [4]float64{0, 0, 60, 40}, Class: 1, Shape: shape}}, side)
			at := func(x, y float64) color.RGBA {
				s := float64(side) / 60
				return p.RGBAAt(int(x*s), int(y*s))
			}
			if at(30, 20) == ground || at(30, 35) != ground || at(7, 20) != ground {
				t.Errorf("%s, side %d: %v inside, %v and %v outside", name, side, at(30, 20), at(30, 35), at(7, 20))
			}
		}
	}
	if _, err := Picture(gray(9, 9), []Mark{{Shape: mask.Shape{RLE: r}}}, 0); err == nil {
		t.Error("want an error for a mask of another size")
	}
}

// Labels stay in the picture and do not cover each other as long as there is room.
func TestLabels(t *testing.T) {
	c := newCanvas(gray(640, 480), 640)
	var chips []chip
	for range 12 { // of one box
		r := c.place(image.Rect(200, 200, 400, 400), 60, 20, chips)
		if !r.In(c.out.Rect) {
			t.Errorf("%v leaves the picture", r)
		}
		for _, o := range chips {
			if r.Overlaps(o.Rectangle) {
				t.Errorf("%v covers %v", r, o.Rectangle)
			}
		}
		chips = append(chips, chip{Rectangle: r})
	}
	for _, box := range []image.Rectangle{image.Rect(0, 0, 5, 5), image.Rect(630, 470, 640, 480), image.Rect(0, 0, 640, 480)} {
		if r := c.place(box, 60, 20, nil); !r.In(c.out.Rect) {
			t.Errorf("the label of %v leaves the picture: %v", box, r)
		}
	}
}

// The text of a label stands out from its color: a contrast of at least 3 (WCAG 2 for large
// text). Neighboring classes have different colors.
func TestColors(t *testing.T) {
	luminance := func(c color.RGBA) float64 {
		linear := func(v uint8) float64 {
			f := float64(v) / 255
			if f <= 0.04045 {
				return f / 12.92
			}
			return math.Pow((f+0.055)/1.055, 2.4)
		}
		return 0.2126*linear(c.R) + 0.7152*linear(c.G) + 0.0722*linear(c.B)
	}
	seen := map[color.RGBA]int{}
	for class := range 80 {
		c := Color(class)
		a, b := luminance(c), luminance(readable(c))
		if contrast := (max(a, b) + 0.05) / (min(a, b) + 0.05); contrast < 3 {
			t.Errorf("class %d: text of contrast %.1f on %v", class, contrast, c)
		}
		if other, twice := seen[c]; twice {
			t.Errorf("classes %d and %d have one color", class, other)
		}
		seen[c] = class
	}
}

// Marks of objects and detections have names, scores and styles.
func TestMarks(t *testing.T) {
	m := &detect.Image{Objects: []detect.Object{{Class: 1, Box: [4]float64{1, 2, 3, 4}}, {Difficult: true}, {Crowd: true}}}
	classes := []string{"cat", "dog"}
	marks := Objects(m, classes)
	if marks[0].Label != "dog" || marks[1].Label != "cat (difficult)" || marks[2].Style != Dashed {
		t.Errorf("%+v", marks)
	}
	if thin := Truth(m); len(thin) != 3 || thin[0].Style != Thin || thin[0].Label != "" || thin[0].Box != m.Objects[0].Box {
		t.Errorf("%+v", thin)
	}
	found := Found([]detect.Detection{{Class: 1, Score: 0.876, Box: [4]float32{1, 2, 3, 4}}, {Score: 0.2}}, classes, 0.5)
	if len(found) != 1 || found[0].Label != "dog 88%" || found[0].Box != [4]float64{1, 2, 3, 4} {
		t.Errorf("%+v", found)
	}
}
