package viz

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"contralens/rundir"
)

// histograms draws the scores of the i-th run in some epochs: a row per epoch, positives
// and negatives side by side, before and after the transformation. It returns false if the
// run has no histograms.
func (d *drawing) histograms(i int) (figure, bool, error) {
	r := d.runs[i]
	var kinds []string
	for _, k := range []string{"pos", "neg"} {
		if slices.Contains(r.Kinds(), k) {
			kinds = append(kinds, k)
		}
	}
	epochs, err := d.chosenEpochs(r)
	if err != nil || len(kinds) == 0 || len(epochs) == 0 {
		return figure{}, false, err
	}
	var charts [][]*plot.Plot
	both := false
	for n, e := range epochs {
		var row []*plot.Plot
		for _, kind := range kinds {
			p, transformed, err := d.histogram(r, kind, e, n == len(epochs)-1)
			if err != nil {
				return figure{}, false, err
			}
			both = both || transformed
			row = append(row, p)
		}
		charts = append(charts, row)
	}
	for c := range kinds {
		sameX(charts, c)
	}
	s := d.style
	entries := []entry{{label: "scores", line: s.line(0)}}
	if both {
		entries = []entry{{label: "before the transformation", line: s.line(0)},
			{label: "after it, as in the loss", line: s.line(1)}}
	}
	h := s.Height*0.42*vg.Length(len(epochs)) + 5*s.Font
	return figure{"histograms_" + r.file, s.Width * 0.72 * vg.Length(len(kinds)), h, func(c draw.Canvas) error {
		title := d.options.Title
		if title == "" {
			title = r.label
		}
		c = s.legend(s.title(c, s.fit(title, s.text(1.2), c.Rectangle.Size().X), 1.2), entries)
		tiles := draw.Tiles{Rows: len(charts), Cols: len(kinds), PadX: s.Font, PadY: s.Font * 0.6, PadRight: s.Font * 0.6}
		for i, row := range charts {
			for j, p := range row {
				p.Draw(tiles.At(c, j, i))
			}
		}
		return nil
	}}, true, nil
}

// span is the range of steps of an epoch.
type span struct{ epoch, from, to int }

// chosenEpochs returns the requested epochs, or four evenly spaced ones.
func (d *drawing) chosenEpochs(r *run) ([]span, error) {
	epochs, err := rundir.Epochs(r)
	if err != nil {
		return nil, err
	}
	if len(epochs) == 0 { // a record without epochs: take quarters of it
		var list []span
		for q := range 4 {
			n := r.last - r.first + 1
			list = append(list, span{0, r.first + q*n/4, r.first + (q+1)*n/4 - 1})
		}
		return list, nil
	}
	wanted := d.options.Epochs
	if len(wanted) == 0 {
		for q := range min(4, len(epochs)) {
			wanted = append(wanted, epochs[q*(len(epochs)-1)/max(1, min(4, len(epochs))-1)].Number)
		}
	}
	var list []span
	for _, e := range wanted {
		i := slices.IndexFunc(epochs, func(known rundir.Epoch) bool { return known.Number == e })
		if i < 0 {
			return nil, fmt.Errorf("%s: want an epoch from %d to %d, got %d",
				r.dir, epochs[0].Number, epochs[len(epochs)-1].Number, e)
		}
		s := span{e, epochs[i].Step, r.last}
		if i+1 < len(epochs) {
			s.to = epochs[i+1].Step - 1
		}
		list = append(list, s)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].from < list[j].from })
	return list, nil
}

// histogram draws one kind of scores in a span of steps. both reports whether it shows
// them before and after the transformation, because the two differ.
func (d *drawing) histogram(r *run, kind string, at span, last bool) (p *plot.Plot, both bool, err error) {
	name := map[string]string{"pos": "positive score q·k", "neg": "negative score q·n"}[kind]
	if !last {
		name = ""
	}
	title := fmt.Sprintf("epoch %d", at.epoch)
	if at.epoch == 0 {
		title = fmt.Sprintf("steps %d to %d", at.from, at.to)
	}
	p = d.style.chart(title, name, "density")
	p.Y.Tick.Marker = plot.ConstantTicks(nil)
	after, err := d.density(r, kind, at)
	if err != nil {
		return nil, false, err
	}
	p.Y.Max = 1e-9
	show := func(curve plotter.XYs, line draw.LineStyle) error {
		for _, v := range curve {
			p.Y.Max = max(p.Y.Max, v.Y*1.1)
		}
		area, err := plotter.NewPolygon(curve)
		if err != nil {
			return err
		}
		area.Color, area.LineStyle = faint(line.Color, 60), line
		area.LineStyle.Width *= 0.6
		p.Add(area)
		return nil
	}
	if slices.Contains(r.Kinds(), "raw_"+kind) {
		before, err := d.density(r, "raw_"+kind, at)
		if err != nil {
			return nil, false, err
		}
		if both = r.onset <= at.to; both {
			if err := show(before, d.style.line(0)); err != nil {
				return nil, false, err
			}
			return p, true, show(after, d.style.line(1))
		}
	}
	return p, false, show(after, d.style.line(0))
}

// tail is the fraction of the scores that a density omits at each end.
const tail = 0.001

// density returns the histogram of a span of steps, without its tails, as a curve with
// area 1 that starts and ends at 0.
func (d *drawing) density(r *run, kind string, at span) (plotter.XYs, error) {
	heat, err := r.Sum(kind, at.from, at.to)
	if err != nil {
		return nil, err
	}
	counts := make([]float64, len(heat.Edges)-1)
	total := 0.0
	for _, row := range heat.Rows {
		for i, c := range row.Counts {
			counts[i] += c
			total += c
		}
	}
	if total == 0 {
		return plotter.XYs{{X: 0, Y: 0}, {X: 0, Y: 0}}, nil
	}
	first, last := 0, len(counts)-1
	for sum := counts[first]; sum < tail*total; sum += counts[first] {
		first++
	}
	for sum := counts[last]; sum < tail*total; sum += counts[last] {
		last--
	}
	curve := plotter.XYs{{X: heat.Edges[first], Y: 0}}
	for i := first; i <= last; i++ {
		y := counts[i] / total / (heat.Edges[i+1] - heat.Edges[i])
		curve = append(curve, plotter.XY{X: heat.Edges[i], Y: y}, plotter.XY{X: heat.Edges[i+1], Y: y})
	}
	return append(curve, plotter.XY{X: heat.Edges[last+1], Y: 0}), nil
}

// sameX gives the charts of a column the same range.
func sameX(charts [][]*plot.Plot, column int) {
	low, high := math.Inf(1), math.Inf(-1)
	for _, row := range charts {
		low, high = min(low, row[column].X.Min), max(high, row[column].X.Max)
	}
	for _, row := range charts {
		row[column].X.Min, row[column].X.Max = low, high
	}
}
