package viz

import (
	"fmt"
	"image/color"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgpdf"
	"gonum.org/v1/plot/vg/vgsvg"

	"contralens/internal/option"
)

// Formats are the file formats of figures.
var Formats = []string{"png", "svg", "pdf"}

// figure is a picture that can be drawn on any canvas.
type figure struct {
	name          string
	width, height vg.Length
	paint         func(c draw.Canvas) error
}

// save writes a figure to dir in each of the formats, which must have passed checkFormats,
// and returns the paths.
func save(dir string, f figure, formats []string, dpi int) ([]string, error) {
	var files []string
	for _, format := range formats {
		var canvas vg.CanvasSizer
		var from io.WriterTo
		switch format {
		case "png":
			img := vgimg.NewWith(vgimg.UseWH(f.width, f.height), vgimg.UseDPI(dpi))
			canvas, from = img, vgimg.PngCanvas{Canvas: img}
		case "svg":
			svg := vgsvg.New(f.width, f.height)
			canvas, from = svg, svg
		case "pdf":
			pdf := vgpdf.New(f.width, f.height)
			canvas, from = outlined{pdf}, pdf
		}
		c := draw.New(canvas)
		c.SetColor(color.White)
		c.Fill(c.Rectangle.Path())
		margin := vg.Points(6)
		if err := f.paint(draw.Crop(c, margin, -margin, margin, -margin)); err != nil {
			return files, fmt.Errorf("%s: %w", f.name, err)
		}
		path := filepath.Join(dir, f.name+"."+format)
		if err := write(path, from); err != nil {
			return files, err
		}
		files = append(files, path)
	}
	return files, nil
}

func write(path string, from io.WriterTo) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err := from.WriteTo(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// checkFormats returns an error if a format is not one of Formats.
func checkFormats(formats []string) error {
	for _, f := range formats {
		if !slices.Contains(Formats, f) {
			return option.Text("format", strings.Join(Formats, ", "), f)
		}
	}
	return nil
}

// outlined is a PDF canvas that draws text as outlines of letters, because the text of
// vgpdf lacks Greek letters and the middle dot.
type outlined struct{ *vgpdf.Canvas }

// SetColor passes colors on without premultiplied opacity: vgpdf also sets the opacity,
// which would count twice.
func (o outlined) SetColor(c color.Color) {
	if c == nil {
		c = color.Black
	}
	o.Canvas.SetColor(straight{color.NRGBAModel.Convert(c).(color.NRGBA)})
}

type straight struct{ color.NRGBA }

func (s straight) RGBA() (r, g, b, a uint32) {
	return uint32(s.R) * 0x101, uint32(s.G) * 0x101, uint32(s.B) * 0x101, uint32(s.A) * 0x101
}

// FillString fills the outlines of the letters of text.
func (o outlined) FillString(f font.Face, at vg.Point, text string) {
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
