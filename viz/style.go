// Package viz draws figures of runs and contact sheets of images.
//
// [Plot] reads the score statistics of one or more runs and writes the figures of the
// paper: curves, three-dimensional curves, histograms, and the effect of extrapolation.
// [WriteSheet] writes tiles of images, such as the [ViewTiles] of an augmentation.
package viz

import (
	"image/color"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"contralens/internal/option"
)

// Style has the sizes of figures, text and lines.
type Style struct {
	Name          string
	Width, Height vg.Length // of a figure with one chart
	Font          vg.Length // text size
	Line          vg.Length // width of the main lines
	DPI           int       // of PNG files
}

// Styles are the presets: a column of a paper, a slide, a web page.
var Styles = []Style{
	{"paper", 8.4 * vg.Centimeter, 6 * vg.Centimeter, 8, 1, 300},
	{"slides", 25.4 * vg.Centimeter, 14.3 * vg.Centimeter, 20, 2.6, 150},
	{"web", 16 * vg.Centimeter, 10 * vg.Centimeter, 11, 1.7, 160},
}

// ParseStyle returns the preset called name.
func ParseStyle(name string) (Style, error) {
	var names []string
	for _, s := range Styles {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return Style{}, option.Text("style", "one of "+strings.Join(names, ", "), name)
}

// palette has the colors of Okabe and Ito, which color-blind people can distinguish.
// Further lines repeat the colors with dashes.
var palette = []color.NRGBA{
	{0, 114, 178, 255}, {213, 94, 0, 255}, {0, 158, 115, 255}, {204, 121, 167, 255}, {0, 0, 0, 255},
	{230, 159, 0, 255}, {86, 180, 233, 255},
}

// marks tell runs apart in print without colors.
var marks = []draw.GlyphDrawer{draw.CircleGlyph{}, draw.BoxGlyph{}, draw.TriangleGlyph{}, draw.CrossGlyph{},
	draw.RingGlyph{}, draw.SquareGlyph{}, draw.PyramidGlyph{}}

// mark is the mark of the n-th run.
func (s Style) mark(n int) draw.GlyphStyle {
	return draw.GlyphStyle{Color: s.line(n).Color, Radius: s.Line * 1.9, Shape: marks[n%len(marks)]}
}

// ordered are the colors of an ordered quantity, from dark to light, taken from viridis.
var ordered = []color.NRGBA{{68, 1, 84, 255}, {59, 82, 139, 255}, {33, 145, 140, 255}, {94, 190, 80, 255},
	{190, 160, 0, 255}}

var gray = color.NRGBA{225, 225, 225, 255}

// line is the line style of the n-th run.
func (s Style) line(n int) draw.LineStyle {
	l := draw.LineStyle{Color: palette[n%len(palette)], Width: s.Line}
	switch n / len(palette) % 3 {
	case 1:
		l.Dashes = []vg.Length{4 * s.Line, 2 * s.Line}
	case 2:
		l.Dashes = []vg.Length{s.Line, 1.5 * s.Line}
	}
	return l
}

func faint(c color.Color, alpha uint8) color.Color {
	n := color.NRGBAModel.Convert(c).(color.NRGBA)
	n.A = alpha
	return n
}

// text is the style of text whose size is size times Font.
func (s Style) text(size float64) draw.TextStyle {
	sans := font.Font{Typeface: "Liberation", Variant: "Sans", Size: vg.Length(size) * s.Font}
	return draw.TextStyle{Color: color.Black, Font: sans, Handler: plot.DefaultTextHandler}
}

// chart returns an empty plot in this style.
func (s Style) chart(title, x, y string) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = color.White
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.Title.TextStyle.Font, p.Title.Padding = s.text(1.1).Font, s.Font*0.4
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Label.TextStyle.Font, a.Tick.Label.Font = s.text(1).Font, s.text(0.9).Font
		a.Padding, a.Label.Padding = s.Font*0.3, s.Font*0.15
		a.Tick.Length, a.Tick.LineStyle.Width, a.LineStyle.Width = s.Font*0.35, s.Line*0.4, s.Line*0.4
		a.Tick.Marker = ticks{}
	}
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = gray, gray
	grid.Vertical.Width, grid.Horizontal.Width = s.Line*0.3, s.Line*0.3
	p.Add(grid)
	return p
}

// ticks places at most seven round numbers on an axis, without minor ticks. Large numbers
// are in thousands or millions, or have an exponent.
type ticks struct{}

func (ticks) Ticks(low, high float64) []plot.Tick {
	span := high - low
	if !(span > 0) || math.IsInf(span, 0) {
		return []plot.Tick{{Value: low, Label: number(low, 3)}}
	}
	unit := math.Pow(10, math.Floor(math.Log10(span/6)))
	for _, f := range []float64{1, 2, 5, 10} {
		if span/(unit*f) <= 6 {
			unit *= f
			break
		}
	}
	digits := max(0, int(math.Ceil(-math.Log10(unit)-1e-9)))
	label := func(v float64) string { return number(v, digits) }
	if max(math.Abs(low), math.Abs(high)) >= enormous {
		label = exponential
	}
	var list []plot.Tick
	for i := math.Ceil(low/unit - 1e-9); i*unit <= high+1e-9*span; i++ {
		list = append(list, plot.Tick{Value: i * unit, Label: label(i * unit)})
	}
	return list
}

// enormous is the smallest number on an axis that gets an exponent.
const enormous = 1e10

func exponential(v float64) string {
	if v == 0 {
		return "0" // without the sign of -0
	}
	return strings.NewReplacer("e+0", "e", "e+", "e", "-", "−").Replace(strconv.FormatFloat(v, 'g', 6, 64))
}

// number formats v with digits decimals, or in a short form if it is large or tiny, with a
// minus sign and not a hyphen.
func number(v float64, digits int) string { return strings.ReplaceAll(plain(v, digits), "-", "−") }

func plain(v float64, digits int) string {
	switch a := math.Abs(v); {
	case a < math.Pow(10, -float64(digits))/2:
		return strconv.FormatFloat(0, 'f', digits, 64) // without the sign of -0
	case a >= enormous:
		return exponential(v)
	case a >= 1e6:
		return strconv.FormatFloat(v/1e6, 'f', -1, 32) + "M"
	case a >= 1e4:
		return strconv.FormatFloat(v/1e3, 'f', -1, 32) + "k"
	case digits > 4 && a > 0:
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	return strconv.FormatFloat(v, 'f', digits, 64)
}

// entry is a line of a legend. An entry without a width has no line, and one without a
// shape has no mark.
type entry struct {
	label string
	line  draw.LineStyle
	mark  draw.GlyphStyle
}

// fit shortens text in the middle until it is at most width wide.
func (s Style) fit(text string, style draw.TextStyle, width vg.Length) string {
	letters := []rune(text)
	for n := len(letters); n > 8 && style.Width(text) > width; n-- {
		text = string(letters[:n/2]) + "…" + string(letters[len(letters)-n/2:])
	}
	return text
}

// note writes a remark on how to read a figure at the bottom of the canvas and returns the
// rest of the canvas.
func (s Style) note(c draw.Canvas, text string) draw.Canvas {
	if text == "" {
		return c
	}
	style := s.text(0.8)
	style.Color, style.XAlign, style.YAlign = color.NRGBA{90, 90, 90, 255}, draw.XRight, draw.YBottom
	text = s.fit(text, style, c.Rectangle.Size().X)
	c.FillText(style, vg.Point{X: c.Max.X, Y: c.Min.Y}, text)
	c.Min.Y += style.Font.Size * 1.5
	return c
}

// legend draws entries in centered rows at the top of the canvas and returns the rest of
// the canvas.
func (s Style) legend(c draw.Canvas, entries []entry) draw.Canvas {
	if len(entries) == 0 {
		return c
	}
	style := s.text(0.95)
	style.YAlign = draw.YCenter
	sample, gap, row := s.Font*2, s.Font*1.2, s.Font*1.5
	entries = slices.Clone(entries)
	for i, e := range entries {
		entries[i].label = s.fit(e.label, style, c.Rectangle.Size().X-sample-s.Font)
	}
	width := func(e entry) vg.Length { return sample + s.Font*0.5 + style.Width(e.label) }
	var rows [][]entry
	used := vg.Length(math.Inf(1))
	for _, e := range entries {
		if w := width(e); used+gap+w > c.Rectangle.Size().X {
			rows = append(rows, nil)
			used = -gap
		}
		rows[len(rows)-1] = append(rows[len(rows)-1], e)
		used += gap + width(e)
	}
	y := c.Max.Y - row/2
	for _, list := range rows {
		total := -gap
		for _, e := range list {
			total += gap + width(e)
		}
		x := c.Center().X - total/2
		for _, e := range list {
			if e.line.Width > 0 {
				if len(e.line.Dashes) == 0 {
					e.line.Width = max(e.line.Width, s.Line)
				}
				c.StrokeLine2(e.line, x, y, x+sample, y)
			}
			if e.mark.Shape != nil {
				c.DrawGlyph(e.mark, vg.Point{X: x + sample/2, Y: y})
			}
			c.FillText(style, vg.Point{X: x + sample + s.Font*0.5, Y: y}, e.label)
			x += width(e) + gap
		}
		y -= row
	}
	c.Max.Y = y + row/2 - s.Font*0.9
	return c
}

// title draws a heading at the top of the canvas and returns the rest of the canvas.
func (s Style) title(c draw.Canvas, text string, size float64) draw.Canvas {
	if text == "" {
		return c
	}
	style := s.text(size)
	style.XAlign, style.YAlign = draw.XCenter, draw.YTop
	c.FillText(style, vg.Point{X: c.Center().X, Y: c.Max.Y}, text)
	c.Max.Y -= style.Font.Size * 1.7
	return c
}
