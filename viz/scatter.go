package viz

import (
	"path/filepath"
	"strings"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg/draw"
)

// Cloud is a set of points with one color and mark.
type Cloud struct {
	Label string
	X, Y  []float64
	// Chosen is the index of a point to encircle; -1: none. One cloud has one.
	Chosen int
}

// WriteScatter draws clouds of points to a file; its extension .png, .svg or .pdf sets the format.
func WriteScatter(out, title, x, y string, clouds []Cloud) error {
	format := strings.TrimPrefix(strings.ToLower(filepath.Ext(out)), ".")
	if err := checkFormats([]string{format}); err != nil {
		return err
	}
	style, err := ParseStyle("web")
	if err != nil {
		return err
	}
	p := style.chart(title, x, y)
	p.Legend.Left, p.Legend.Top, p.Legend.TextStyle.Font = true, true, style.text(0.9).Font
	var chosen *plotter.Scatter
	for i, c := range clouds {
		points := make(plotter.XYs, len(c.X))
		for j := range points {
			points[j] = plotter.XY{X: c.X[j], Y: c.Y[j]}
		}
		s, err := plotter.NewScatter(points)
		if err != nil {
			return err
		}
		s.GlyphStyle = style.mark(i)
		p.Add(s)
		p.Legend.Add(c.Label, s)
		if c.Chosen >= 0 {
			if chosen, err = plotter.NewScatter(points[c.Chosen : c.Chosen+1]); err != nil {
				return err
			}
			chosen.GlyphStyle = draw.GlyphStyle{Color: palette[4], Radius: style.Line * 3.4, Shape: draw.RingGlyph{}}
			p.Add(chosen)
		}
	}
	if chosen != nil {
		p.Legend.Add("chosen", chosen)
	}
	name := strings.TrimSuffix(filepath.Base(out), filepath.Ext(out))
	f := figure{name, style.Width, style.Height, func(c draw.Canvas) error { p.Draw(c); return nil }}
	_, err = save(filepath.Dir(out), f, []string{format}, style.DPI)
	return err
}
