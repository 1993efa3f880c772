package viz

import (
	"fmt"
	"math"
	"sort"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"contralens/rundir"
	"contralens/scores/record"
)

// statistics are the series that the tool of the paper draws over the steps.
var statistics = []string{"neg_mean", "neg_var", "pos_mean", "pos_var", "exp_neg", "exp_pos"}

// points is the number of bins per line.
const points = 1500

// curves draws a series of every run over the steps: a bold line for the moving mean, and
// a faint band for the range of the values.
func (d *drawing) curves(series string) (*plot.Plot, error) {
	about := record.Describe(series)
	p := d.style.chart(about.Title, "training step", about.Axis)
	p.X.Min = 0
	type drawn struct {
		raw    []record.Bin
		smooth plotter.XYs
	}
	var all []drawn
	low, high := math.Inf(1), math.Inf(-1)
	for _, r := range d.runs {
		raw, err := r.curve(series, points)
		if err != nil {
			return nil, err
		}
		width := d.options.Smooth * len(raw) / (r.last - r.first + 1)
		if d.options.Smooth == 0 {
			width = len(raw) / 50
		}
		smooth := movingMean(raw, max(1, width), r.onset)
		for _, v := range smooth {
			low, high = min(low, v.Y), max(high, v.Y)
		}
		all = append(all, drawn{raw, smooth})
	}
	if low > high {
		return nil, fmt.Errorf("%s: no step has a finite value", series)
	}
	scale := func(v float64) float64 { return v }
	if low > 0 && high > 50*low {
		// Logarithms on a linear axis, because plot.LogScale misplaces the label of the axis.
		tiny := low / 10
		scale = func(v float64) float64 { return math.Log10(max(v, tiny)) }
		low, high = scale(low), scale(high)
		p.Y.Tick.Marker = logTicks{}
	}
	margin := max(0.08*(high-low), 1e-6*max(1, math.Abs(high)))
	p.Y.Min, p.Y.Max = low-margin, high+margin
	for i, s := range all {
		for j := range s.smooth {
			s.smooth[j].Y = scale(s.smooth[j].Y)
		}
		line := d.style.line(i)
		if band, err := plotter.NewPolygon(outline(s.raw, scale, p.Y.Min, p.Y.Max)); err == nil && len(s.raw) > 1 {
			band.Color, band.LineStyle.Width = faint(line.Color, 45), 0
			p.Add(band)
		}
		bold, err := plotter.NewLine(s.smooth)
		if err != nil {
			return nil, err
		}
		bold.LineStyle = line
		p.Add(bold)
	}
	for i, r := range d.runs {
		if r.onset > 0 && r.onset < rundir.NotYet {
			onset, err := plotter.NewLine(plotter.XYs{{X: float64(r.onset), Y: p.Y.Min}, {X: float64(r.onset), Y: p.Y.Max}})
			if err != nil {
				return nil, err
			}
			onset.LineStyle = d.onsetLine(i)
			p.Add(onset)
		}
	}
	return p, nil
}

func (d *drawing) onsetLine(i int) draw.LineStyle {
	line := d.style.line(i)
	line.Width, line.Dashes = d.style.Line*0.6, []vg.Length{d.style.Line * 2.4, d.style.Line * 1.8}
	return line
}

// outline is the band between the smallest and the largest value of each bin, or between
// neighboring steps if bins are single steps. It is scaled and clipped to [low, high].
func outline(bins []record.Bin, scale func(float64) float64, low, high float64) plotter.XYs {
	clip := func(v float64) float64 { return max(low, min(high, scale(v))) }
	var upper, lower plotter.XYs
	for i, b := range bins {
		next := bins[min(i+1, len(bins)-1)]
		upper = append(upper, plotter.XY{X: float64(b.Step), Y: clip(max(b.Max, next.Min))})
		lower = append(lower, plotter.XY{X: float64(b.Step), Y: clip(min(b.Min, next.Max))})
	}
	for i := len(lower) - 1; i >= 0; i-- {
		upper = append(upper, lower[i])
	}
	return upper
}

// movingMean averages over width bins around each bin, but not across the onset of the
// transformation, because the line would change before it.
func movingMean(bins []record.Bin, width, onset int) plotter.XYs {
	out := make(plotter.XYs, len(bins))
	// Bins from turn on are after the onset.
	turn := sort.Search(len(bins), func(i int) bool { return bins[i].Step >= onset })
	for i := range bins {
		from, to := turn, len(bins)
		if i < turn {
			from, to = 0, turn
		}
		lo, hi := max(from, i-width/2), min(to, i+width/2+1)
		sum, n := 0.0, 0.0
		for _, b := range bins[lo:hi] {
			sum += b.Mean * float64(b.N)
			n += float64(b.N)
		}
		out[i].X, out[i].Y = float64(bins[i].Step), sum/n
	}
	return out
}

// logTicks labels an axis of decimal logarithms: powers of ten, and 2 and 5 times those if
// there are few.
type logTicks struct{}

func (logTicks) Ticks(low, high float64) []plot.Tick {
	var list []plot.Tick
	step := max(1, math.Ceil((high-low)/6))
	for e := math.Floor(low); e <= high; e++ {
		for _, f := range []float64{1, 2, 5} {
			at := e + math.Log10(f)
			if at < low || at > high || f > 1 && high-low > 2 || math.Mod(e, step) != 0 {
				continue
			}
			list = append(list, plot.Tick{Value: at, Label: number(f*math.Pow(10, e), max(0, -int(e)))})
		}
	}
	return list
}

// legend has the lines of the runs and the meaning of dashed lines.
func (d *drawing) legend() []entry {
	var entries []entry
	onset := -1
	for i, r := range d.runs {
		entries = append(entries, entry{r.label, d.style.line(i)})
		if r.onset > 0 && r.onset < rundir.NotYet {
			onset = i
		}
	}
	if onset >= 0 {
		entries = append(entries, entry{"onset of the transformation", d.onsetLine(onset)})
	}
	return entries
}

// single is a figure with one chart.
func (d *drawing) single(name string, p *plot.Plot, entries []entry) figure {
	return figure{name, d.style.Width, d.style.Height, func(c draw.Canvas) error {
		p.Draw(d.style.legend(c, entries))
		return nil
	}}
}

// page is a figure with charts in rows and columns, under a title and a legend.
func (d *drawing) page(name string, charts []*plot.Plot, columns int) figure {
	s := d.style
	rows := (len(charts) + columns - 1) / columns
	w, h := s.Width*0.72*vg.Length(columns), s.Height*0.78*vg.Length(rows)+4*s.Font
	return figure{name, w, h, func(c draw.Canvas) error {
		c = s.legend(s.title(c, d.options.Title, 1.4), d.legend())
		tiles := draw.Tiles{Rows: rows, Cols: columns, PadX: s.Font * 1.2, PadY: s.Font * 1.2, PadRight: s.Font * 0.8}
		s.alignLeft(charts)
		for i, p := range charts {
			p.Draw(tiles.At(c, i%columns, i/columns))
		}
		return nil
	}}
}

// alignLeft gives charts the same space on the left of their vertical axes.
func (s Style) alignLeft(charts []*plot.Plot) {
	style := s.text(0.9)
	width := func(p *plot.Plot) (w vg.Length) {
		for _, t := range p.Y.Tick.Marker.Ticks(p.Y.Min, p.Y.Max) {
			w = max(w, style.Width(t.Label))
		}
		return w
	}
	widest := vg.Length(0)
	for _, p := range charts {
		widest = max(widest, width(p))
	}
	for _, p := range charts {
		p.Y.Label.Padding = s.Font*0.15 + widest - width(p)
	}
}
