package viz

import (
	"fmt"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg/draw"
)

// PrecisionCurve is the precision of a detector over its recall, both in [0, 1].
type PrecisionCurve struct {
	Label             string
	Recall, Precision []float64 // recall rises
}

// mostCurves is the number of curves of one figure that can be told apart.
const mostCurves = 12

// WritePrecision draws curves of precision over recall to a PNG file. Of many it draws the first
// ones; the title says how many there are.
func WritePrecision(out, title string, curves []PrecisionCurve) error {
	style, err := ParseStyle("web")
	if err != nil {
		return err
	}
	if n := len(curves); n > mostCurves {
		title += fmt.Sprintf(" (%d of %d classes)", mostCurves, n)
		curves = curves[:mostCurves]
	}
	p := style.chart(title, "recall", "precision")
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 1, 0, 1.02
	for i, c := range curves {
		points := make(plotter.XYs, len(c.Recall))
		for j := range points {
			points[j] = plotter.XY{X: c.Recall[j], Y: c.Precision[j]}
		}
		if len(points) == 0 {
			continue
		}
		line, err := plotter.NewLine(points)
		if err != nil {
			return err
		}
		line.LineStyle = style.line(i)
		p.Add(line)
		p.Legend.Add(c.Label, line)
	}
	name := strings.TrimSuffix(filepath.Base(out), filepath.Ext(out))
	p.Legend.Left, p.Legend.Top, p.Legend.TextStyle.Font = true, false, style.text(0.9).Font
	f := figure{name, style.Width, style.Height, func(c draw.Canvas) error { p.Draw(c); return nil }}
	_, err = save(filepath.Dir(out), f, []string{"png"}, style.DPI)
	return err
}
