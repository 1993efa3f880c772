package viz

import (
	"image/color"
	"strings"

	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/vgpdf"
)

// outlined is a PDF canvas that draws text as outlines of letters, because the text of
// vgpdf lacks Greek letters and the middle dot. The text lies over them without a color, so
// that it can be searched and copied.
type outlined struct {
	*vgpdf.Canvas
	color color.Color
}

// SetColor passes colors on without premultiplied opacity: vgpdf also sets the opacity,
// which would count twice.
func (o *outlined) SetColor(c color.Color) {
	if c == nil {
		c = color.Black
	}
	o.color = c
	o.Canvas.SetColor(straight{color.NRGBAModel.Convert(c).(color.NRGBA)})
}

type straight struct{ color.NRGBA }

func (s straight) RGBA() (r, g, b, a uint32) {
	return uint32(s.R) * 0x101, uint32(s.G) * 0x101, uint32(s.B) * 0x101, uint32(s.A) * 0x101
}

// FillString fills the outlines of the letters of text.
func (o *outlined) FillString(f font.Face, at vg.Point, text string) {
	o.Push()
	color := o.color
	o.SetColor(straight{})
	o.Canvas.FillString(f, at, searchable(text))
	o.SetColor(color)
	o.Pop()
	var buffer sfnt.Buffer
	// One em is the size of the font. Outlines are in units of the em, with y downwards.
	em := fixed.Int26_6(f.Face.UnitsPerEm()) << 6
	scale := f.Font.Size / vg.Length(f.Face.UnitsPerEm())
	point := func(p fixed.Point26_6) vg.Point {
		return vg.Point{X: at.X + scale*vg.Length(p.X)/64, Y: at.Y - scale*vg.Length(p.Y)/64}
	}
	for _, letter := range text {
		index, err := f.Face.GlyphIndex(&buffer, letter)
		if err != nil {
			continue
		}
		segments, err := f.Face.LoadGlyph(&buffer, index, em, nil)
		if err != nil {
			continue
		}
		var path vg.Path
		for _, s := range segments {
			switch s.Op {
			case sfnt.SegmentOpMoveTo:
				if len(path) > 0 {
					path.Close()
				}
				path.Move(point(s.Args[0]))
			case sfnt.SegmentOpLineTo:
				path.Line(point(s.Args[0]))
			case sfnt.SegmentOpQuadTo:
				path.QuadTo(point(s.Args[0]), point(s.Args[1]))
			case sfnt.SegmentOpCubeTo:
				path.CubeTo(point(s.Args[0]), point(s.Args[1]), point(s.Args[2]))
			}
		}
		if len(path) > 0 {
			path.Close()
			o.Fill(path)
		}
		if advance, err := f.Face.GlyphAdvance(&buffer, index, em, 0); err == nil {
			at.X += scale * vg.Length(advance) / 64
		}
	}
}

// searchable spells text in the letters that the fonts of a PDF have here.
func searchable(text string) string {
	text = spelled.Replace(text)
	return strings.Map(func(r rune) rune {
		if r > '~' {
			return -1
		}
		return r
	}, text)
}

var spelled = strings.NewReplacer("λ", "lambda", "τ", "tau", "α", "alpha", "·", ".", "−", "-", "…", "...")
