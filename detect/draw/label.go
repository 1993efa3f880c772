package draw

import (
	"image"
	"image/color"
	"image/draw"
	"math"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"contralens/internal/humanize"
)

// palette has the colors of Okabe and Ito, which color-blind people can distinguish, in the order
// of plots, so that a class has the same color in pictures and curves. Only the plots' black is
// yellow here, which photos have less of.
var palette = []color.RGBA{
	{0, 114, 178, 255}, {213, 94, 0, 255}, {0, 158, 115, 255}, {204, 121, 167, 255}, {240, 228, 66, 255},
	{230, 159, 0, 255}, {86, 180, 233, 255},
}

// Color returns the color of a class. The first seven can be told apart by everyone; later ones
// have hues that are as far from each other as can be.
func Color(class int) color.RGBA {
	if class >= 0 && class < len(palette) {
		return palette[class]
	}
	hue := math.Mod(float64(class)*0.618033988749895, 1) * 6
	light := []float64{0.95, 0.7}[max(class, 0)%2]
	channel := func(shift float64) uint8 {
		v := math.Abs(math.Mod(hue+shift, 6)-3) - 1
		return uint8(255 * light * (0.25 + 0.75*min(max(v, 0), 1)))
	}
	return color.RGBA{channel(0), channel(4), channel(2), 255}
}

// chip is a label at a place.
type chip struct {
	image.Rectangle
	text       string
	background color.RGBA
}

// labels draws the labels of all marks, those of small objects first: they have the least room
// to move.
func (c *canvas) labels(marks []Mark) error {
	size := float64(max(c.width, c.height)) / 42
	if n := len(marks); n > 15 {
		size *= math.Sqrt(15 / float64(n))
	}
	face, err := labelFace(max(size, 11))
	if err != nil {
		return err
	}
	defer face.Close()
	m := face.Metrics()
	height, pad := (m.Ascent + m.Descent).Ceil(), max(2, m.Height.Ceil()/6)
	var chips []chip
	for i := len(marks) - 1; i >= 0; i-- {
		k := marks[i]
		if k.Label == "" {
			continue
		}
		text := c.fit(face, humanize.Text(k.Label), c.width-2*pad)
		w := font.MeasureString(face, text).Ceil() + 2*pad
		at := c.place(c.rectangle(k.Box), w, height, chips)
		chips = append(chips, chip{at, text, Color(k.Class)})
	}
	for i := len(chips) - 1; i >= 0; i-- {
		k := chips[i]
		draw.Draw(c.out, k.Rectangle, image.NewUniform(k.background), image.Point{}, draw.Src)
		d := font.Drawer{
			Dst: c.out, Src: image.NewUniform(readable(k.background)), Face: face,
			Dot: fixed.P(k.Min.X+pad, k.Min.Y+m.Ascent.Ceil()),
		}
		d.DrawString(k.text)
	}
	return nil
}

func labelFace(size float64) (font.Face, error) {
	f, err := opentype.Parse(gobold.TTF)
	if err != nil {
		return nil, err
	}
	return opentype.NewFace(f, &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingFull})
}

// fit cuts a text that is wider than the picture.
func (c *canvas) fit(face font.Face, text string, width int) string {
	runes := []rune(text)
	for n := len(runes); font.MeasureString(face, text).Ceil() > width && n > 0; {
		n--
		text = string(runes[:n]) + "…"
	}
	return text
}

// place returns where a label of the given size goes: at a corner of its box, above, inside or
// below it, where it covers the least of other labels.
func (c *canvas) place(box image.Rectangle, w, h int, others []chip) image.Rectangle {
	left, right := box.Min.X, box.Max.X-w
	best, least := image.Rectangle{}, math.MaxInt
	for _, at := range []image.Point{
		{left, box.Min.Y - h}, {left, box.Min.Y + c.line}, {right, box.Min.Y - h}, {right, box.Min.Y + c.line},
		{left, box.Max.Y - h - c.line}, {right, box.Max.Y - h - c.line}, {left, box.Max.Y}, {right, box.Max.Y},
		{box.Max.X, box.Min.Y}, {box.Min.X - w, box.Min.Y}, {box.Max.X, box.Max.Y - h}, {box.Min.X - w, box.Max.Y - h},
	} {
		at.X, at.Y = min(max(at.X, 0), c.width-w), min(max(at.Y, 0), c.height-h)
		r := image.Rectangle{at, at.Add(image.Pt(w, h))}
		covered := 0
		for _, o := range others {
			cut := r.Intersect(o.Rectangle)
			covered += cut.Dx() * cut.Dy()
		}
		if covered < least {
			best, least = r, covered
		}
	}
	return best
}

// readable returns black or white, whichever stands out from a background (the luminance of
// Rec. 709).
func readable(c color.RGBA) color.RGBA {
	if 0.2126*float64(c.R)+0.7152*float64(c.G)+0.0722*float64(c.B) > 140 {
		return color.RGBA{0, 0, 0, 255}
	}
	return color.RGBA{255, 255, 255, 255}
}
