package viz

import (
	"image/color"
	"math"
	"os"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// DifferenceRow is something that is compared with a baseline.
type DifferenceRow struct {
	Label           string
	Mean, Low, High float64   // of the differences
	Interval        bool      // Low and High are known
	Points          []float64 // single differences
}

// DifferencePanel is a chart of differences from a baseline, which is the line at 0.
type DifferencePanel struct {
	Title, Axis string
	Rows        []DifferenceRow // from top to bottom
}

// Differences draws charts of differences with their intervals beside each other, to the files
// NAME.png, … in dir, and returns their paths. Single differences are small dots, the mean is a
// large one, and the bar is the interval.
func Differences(dir, name string, panels []DifferencePanel, o Options) ([]string, error) {
	if o.Style == "" {
		o.Style = "web"
	}
	if len(o.Formats) == 0 {
		o.Formats = []string{"png", "svg"}
	}
	style, err := ParseStyle(o.Style)
	if err != nil {
		return nil, err
	}
	if err := checkFormats(o.Formats); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	var charts []*plot.Plot
	rows := 0
	for _, p := range panels {
		c, err := style.differences(p)
		if err != nil {
			return nil, err
		}
		charts, rows = append(charts, c), max(rows, len(p.Rows))
	}
	columns := min(2, len(charts))
	lines := (len(charts) + columns - 1) / columns
	height := style.Font * vg.Length(6+2*rows)
	f := figure{name: name, width: style.Width * vg.Length(columns), height: style.Font*2 + height*vg.Length(lines)}
	f.paint = func(c draw.Canvas) error {
		c = style.title(c, o.Title, 1.2)
		tiles := draw.Tiles{Rows: lines, Cols: columns, PadX: style.Font, PadY: style.Font}
		for i, p := range charts {
			p.Draw(tiles.At(c, i%columns, i/columns))
		}
		return nil
	}
	return save(dir, f, o.Formats, style.DPI)
}

// differences draws a panel.
func (s Style) differences(p DifferencePanel) (*plot.Plot, error) {
	c := s.chart(p.Title, p.Axis, "")
	low, high := 0.0, 0.0
	names := make(plot.ConstantTicks, len(p.Rows))
	for i, r := range p.Rows {
		y := float64(len(p.Rows) - 1 - i)
		names[i] = plot.Tick{Value: y, Label: s.fit(r.Label, s.text(0.9), s.Width*0.35)}
		values := append([]float64{r.Mean}, r.Points...)
		if r.Interval {
			values = append(values, r.Low, r.High)
		}
		for _, v := range values {
			low, high = math.Min(low, v), math.Max(high, v)
		}
		if err := s.differenceRow(c, r, y, i); err != nil {
			return nil, err
		}
	}
	zero, err := plotter.NewLine(plotter.XYs{{X: 0, Y: -0.6}, {X: 0, Y: float64(len(p.Rows)) - 0.4}})
	if err != nil {
		return nil, err
	}
	zero.LineStyle = draw.LineStyle{Color: color.Black, Width: s.Line * 0.6}
	c.Add(zero)
	margin := 0.06*(high-low) + 1e-9
	c.X.Min, c.X.Max, c.Y.Min, c.Y.Max = low-margin, high+margin, -0.6, float64(len(p.Rows))-0.4
	c.Y.Tick.Marker = names
	c.Y.Tick.Length, c.Y.LineStyle.Width = 0, 0
	return c, nil
}

// differenceRow draws a row at a height.
func (s Style) differenceRow(c *plot.Plot, r DifferenceRow, y float64, n int) error {
	main := s.line(n).Color
	var dots plotter.XYs
	for _, v := range r.Points {
		dots = append(dots, plotter.XY{X: v, Y: y - 0.22})
	}
	if len(dots) > 0 {
		small, err := plotter.NewScatter(dots)
		if err != nil {
			return err
		}
		small.GlyphStyle = draw.GlyphStyle{Color: faint(main, 120), Radius: s.Line * 1.1, Shape: draw.CircleGlyph{}}
		c.Add(small)
	}
	if r.Interval {
		bar, err := plotter.NewLine(plotter.XYs{{X: r.Low, Y: y}, {X: r.High, Y: y}})
		if err != nil {
			return err
		}
		bar.LineStyle = draw.LineStyle{Color: main, Width: s.Line * 1.6}
		c.Add(bar)
	}
	mean, err := plotter.NewScatter(plotter.XYs{{X: r.Mean, Y: y}})
	if err != nil {
		return err
	}
	mean.GlyphStyle = draw.GlyphStyle{Color: main, Radius: s.Line * 2.4, Shape: draw.CircleGlyph{}}
	c.Add(mean)
	return nil
}
