package viz

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg/draw"

	"contralens/scores/record"
)

// lambdas are the values of λ with a curve.
var lambdas = []float64{1, 1.25, 1.5, 1.75, 2}

// theory draws the effect of extrapolation on a positive score,
//
//	pos' = 2λ(1-λ)(1-pos) + pos
//
// together with the measured scores of the i-th run: their distribution as an area at the
// bottom and, if λ was recorded, the means before and after in each step as a dot in the
// color of its λ. It returns false if the run has no histogram of positives or did not
// transform them.
func (d *drawing) theory(i int) (figure, bool, error) {
	r := d.runs[i]
	kind, measured := "raw_pos", "measured scores"
	if !slices.Contains(r.Kinds(), kind) {
		kind, measured = "pos", "measured scores, as in the loss"
	}
	if !slices.Contains(r.Kinds(), kind) || !r.extrapolates() {
		return figure{}, false, nil
	}
	p := d.style.chart("", "positive score q·k", "pos' = 2λ(1-λ)(1-pos) + pos")
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = -1, 1, -4, 1
	peak, err := d.marginal(p.Add, r, kind, p.Y.Min, p.Y.Max)
	if err != nil {
		return figure{}, false, err
	}
	var entries []entry
	for n, λ := range lambdas {
		var line plotter.XYs
		for x := -1.0; x <= 1.0001; x += 0.005 {
			if y := 2*λ*(1-λ)*(1-x) + x; y >= p.Y.Min {
				line = append(line, plotter.XY{X: x, Y: y})
			}
		}
		l, err := plotter.NewLine(line)
		if err != nil {
			return figure{}, false, err
		}
		l.LineStyle = draw.LineStyle{Color: ordered[n], Width: d.style.Line}
		p.Add(l)
		entries = append(entries, entry{label: fmt.Sprintf("λ = %v", λ), line: l.LineStyle})
	}
	dotted, err := d.dots(p.Add, r, p.Y.Min)
	if err != nil {
		return figure{}, false, err
	}
	if dotted {
		entries = append(entries, entry{label: "dots: the means of a step, in the color of its λ",
			mark: draw.GlyphStyle{Color: ordered[2], Radius: d.style.Line * 1.2, Shape: draw.CircleGlyph{}}})
	}
	area := d.style.line(areaLine)
	area.Width *= 3
	entries = append(entries, entry{label: fmt.Sprintf("density of %s, up to %.3g", measured, peak), line: area})
	f := d.single("theory_"+r.file, p, entries)
	return f, true, nil
}

// areaLine is the line whose color the density has.
const areaLine = 6

// extrapolates reports whether the run transformed its positives, as far as is known.
func (r *run) extrapolates() bool {
	if r.config == nil {
		return slices.Contains(r.Kinds(), "raw_pos")
	}
	return r.config["mixnorm"] == "true" && strings.Contains(r.config["mixnorm_target"], "pos")
}

// marginal draws the distribution of the run's positive scores at the bottom. top is the
// largest density.
func (d *drawing) marginal(add func(...plot.Plotter), r *run, kind string, low, high float64) (top float64, err error) {
	curve, err := d.density(r, kind, span{from: r.first, to: r.last})
	if err != nil {
		return 0, err
	}
	for _, v := range curve {
		top = max(top, v.Y)
	}
	for i := range curve {
		curve[i].X = max(-1, min(1, curve[i].X))
		curve[i].Y = low + 0.22*(high-low)*curve[i].Y/max(top, 1e-9)
	}
	area, err := plotter.NewPolygon(curve)
	if err != nil {
		return 0, err
	}
	area.Color, area.LineStyle.Width = faint(d.style.line(areaLine).Color, 120), 0
	add(area)
	return top, nil
}

// dots draws the measured means of each step. drawn reports whether there are any.
func (d *drawing) dots(add func(...plot.Plotter), r *run, low float64) (drawn bool, err error) {
	before, after, λ, err := r.measured()
	if err != nil {
		return false, err
	}
	next := 0
	groups := make([]plotter.XYs, len(ordered))
	every := max(1, len(λ)/600)
	for i, l := range λ {
		for next < len(before) && before[next].Step < l.Step {
			next++
		}
		if i%every != 0 || next >= len(before) || next >= len(after) || l.N != 1 || l.Mean < 1 || after[next].Mean < low {
			continue
		}
		at := int(math.Round((l.Mean - 1) * float64(len(ordered)-1)))
		g := &groups[min(at, len(groups)-1)]
		*g = append(*g, plotter.XY{X: before[next].Mean, Y: after[next].Mean})
	}
	for n, g := range groups {
		if len(g) == 0 {
			continue
		}
		dots, err := plotter.NewScatter(g)
		if err != nil {
			return false, err
		}
		dots.GlyphStyle = draw.GlyphStyle{Color: faint(ordered[n], 170), Radius: d.style.Line * 0.9,
			Shape: draw.CircleGlyph{}}
		add(dots)
		drawn = true
	}
	return drawn, nil
}

// measured returns the mean positive score of each step before and after extrapolation,
// and its λ, or nothing if one of the three was not recorded.
func (r *run) measured() (before, after, λ []record.Bin, err error) {
	names := []string{"raw_pos_mean", "pos_mean", "lambda_pos"}
	if r.onset > r.last {
		return nil, nil, nil, nil
	}
	for _, n := range names {
		if !r.has(n) {
			return nil, nil, nil, nil
		}
	}
	all := make([][]record.Bin, len(names))
	const steps = 1 << 16 // a longer curve would have bins of several steps
	for from := max(r.first, r.onset); from <= r.last; from += steps {
		some, err := r.Curves(names, from, min(r.last, from+steps-1), steps)
		if err != nil {
			return nil, nil, nil, err
		}
		for i := range all {
			all[i] = append(all[i], some[i]...)
		}
	}
	return all[0], all[1], all[2], nil
}
