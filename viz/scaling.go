package viz

import (
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg/draw"
)

// Scaling is a quantity by the number of GPUs, which rises.
type Scaling struct {
	Label  string
	GPUs   []int
	Values []float64
	Faint  bool // a line to compare with, such as an ideal
}

// WriteScaling draws speeds and costs by the number of GPUs, two charts beside each other with
// logarithmic axes, to a PNG file. The curves of both have the same order and one legend.
func WriteScaling(out, title string, speed, cost []Scaling) error {
	style, err := ParseStyle("web")
	if err != nil {
		return err
	}
	left, err := style.scaling(title, "images per second", speed)
	if err != nil {
		return err
	}
	right, err := style.scaling("cost", "dollars for the training", cost)
	if err != nil {
		return err
	}
	left.Legend.Left, left.Legend.Top = true, true
	right.Legend = plot.NewLegend() // that of the left chart holds for both
	name := strings.TrimSuffix(filepath.Base(out), filepath.Ext(out))
	f := figure{name, 1.6 * style.Width, style.Height, func(c draw.Canvas) error {
		tiles := draw.Tiles{Rows: 1, Cols: 2, PadX: style.Font}
		charts := [][]*plot.Plot{{left, right}}
		for i, canvas := range plot.Align(charts, tiles, c)[0] {
			charts[0][i].Draw(canvas)
		}
		return nil
	}}
	_, err = save(filepath.Dir(out), f, []string{"png"}, style.DPI)
	return err
}

// scaling makes one of the charts.
func (s Style) scaling(title, y string, curves []Scaling) (*plot.Plot, error) {
	p := s.chart(title, "GPUs", y)
	low, high := math.Inf(1), 0.
	var counts []int
	for i, c := range curves {
		points := make(plotter.XYs, len(c.GPUs))
		for j := range points {
			points[j] = plotter.XY{X: float64(c.GPUs[j]), Y: c.Values[j]}
			low, high = min(low, c.Values[j]), max(high, c.Values[j])
		}
		if len(c.GPUs) > len(counts) {
			counts = c.GPUs
		}
		line, err := plotter.NewLine(points)
		if err != nil {
			return nil, err
		}
		line.LineStyle = s.line(i)
		if c.Faint {
			line.Color = faint(line.Color, 140)
			line.Width /= 2
		}
		p.Add(line)
		p.Legend.Add(c.Label, line)
	}
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.Y.Min, p.Y.Max = low/1.3, high*1.3
	p.Y.Tick.Marker = plot.TickerFunc(powersOfTen)
	var ticks plot.ConstantTicks
	for i, n := range counts {
		label := ""
		if i%2 == 0 {
			label = strconv.Itoa(n)
		}
		ticks = append(ticks, plot.Tick{Value: float64(n), Label: label})
	}
	p.X.Tick.Marker = ticks
	p.Legend.TextStyle.Font = s.text(0.8).Font
	return p, nil
}

// powersOfTen labels 1, 10, 100, … with 2 and 5 of each between.
func powersOfTen(low, high float64) (ticks []plot.Tick) {
	for x := math.Pow(10, math.Floor(math.Log10(low))); x <= high; x *= 10 {
		for _, m := range []float64{1, 2, 5} {
			if v := m * x; v >= low && v <= high {
				label := ""
				if m == 1 || high/low < 200 {
					label = short(v)
				}
				ticks = append(ticks, plot.Tick{Value: v, Label: label})
			}
		}
	}
	return ticks
}

// short writes a number as 500, 20k or 3M.
func short(x float64) string {
	for _, u := range []struct {
		size float64
		unit string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if x >= u.size {
			return strconv.FormatFloat(x/u.size, 'g', 4, 64) + u.unit
		}
	}
	return strconv.FormatFloat(x, 'g', 4, 64)
}
