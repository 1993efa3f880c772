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

	"contralens/internal/humanize"
	"contralens/rundir"
	"contralens/scores/record"
)

// statistics are the series that the tool of the paper draws over the steps.
var statistics = []string{"neg_mean", "neg_var", "pos_mean", "pos_var", "exp_neg", "exp_pos"}

// points is the number of bins per line.
const points = 1500

// few is the number of single steps up to which they are drawn as a line. In a band of so
// few, each step would reach to the next one and look like a shadow beside the line.
const few = 300

// logarithmic reports whether values from low to high are drawn on a logarithmic axis.
func logarithmic(low, high float64) bool { return low > 0 && high > 50*low }

func linear(v float64) float64 { return v }

// logarithm returns the decimal logarithm, of no less than a tenth of low.
func logarithm(low float64) func(float64) float64 {
	return func(v float64) float64 { return math.Log10(max(v, low/10)) }
}

// trace is one run's part of a chart.
type trace struct {
	run    *run
	bins   []record.Bin
	smooth plotter.XYs // scaled
}

// traces returns a series of every run in at most n bins, with moving means, and the scale
// of their axis. The mean on a logarithmic axis is that of the logarithms, because a few
// large values would lift the line to a plateau.
func (d *drawing) traces(series string, n int) (all []trace, scale func(float64) float64, isLog bool, err error) {
	low, high := math.Inf(1), math.Inf(-1)
	for _, r := range d.runs {
		bins, err := r.curve(series, n)
		if err != nil {
			return nil, nil, false, err
		}
		t := trace{run: r, bins: bins}
		for _, v := range movingMean(bins, d.width(r, len(bins)), r.onset, linear) {
			low, high = min(low, v.Y), max(high, v.Y)
		}
		all = append(all, t)
	}
	if low > high {
		return nil, nil, false, fmt.Errorf("%s: no step has a finite value", series)
	}
	scale, isLog = linear, logarithmic(low, high)
	if isLog {
		// Logarithms on a linear axis, because plot.LogScale misplaces the label of the axis.
		scale = logarithm(low)
	}
	for i, t := range all {
		all[i].smooth = movingMean(t.bins, d.width(t.run, len(t.bins)), t.run.onset, scale)
	}
	return all, scale, isLog, nil
}

// width returns how many of a run's n bins a moving mean takes.
func (d *drawing) width(r *run, n int) int {
	if d.options.Smooth > 0 {
		return max(1, d.options.Smooth*n/(r.last-r.first+1))
	}
	return max(1, n/50)
}

// curves draws a series of every run over the steps: a bold line for the moving mean, and
// a faint band for the range of the values.
func (d *drawing) curves(series string) (*plot.Plot, error) {
	about := record.Describe(series)
	p := d.style.chart(about.Title, "training step", about.Axis)
	all, scale, isLog, err := d.traces(series, points)
	if err != nil {
		return nil, err
	}
	low, high := math.Inf(1), math.Inf(-1)
	p.X.Min = 0
	for _, t := range all {
		for _, v := range t.smooth {
			low, high = min(low, v.Y), max(high, v.Y)
		}
		p.X.Max = max(p.X.Max, float64(t.run.last))
	}
	if isLog {
		p.Y.Tick.Marker, p.Y.Label.Text = logTicks{}, about.Axis+" (log)"
	}
	if at := ends(all); at > 0 {
		p.X.Label.Text += ", " + fmt.Sprintf("not finite after step %d", at)
	}
	margin := max(0.08*(high-low), 1e-6*max(1, math.Abs(high)))
	p.Y.Min, p.Y.Max = low-margin, high+margin
	for i, t := range all {
		if err := d.trace(p, t, i, scale); err != nil {
			return nil, err
		}
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

// trace adds the i-th run to a chart.
func (d *drawing) trace(p *plot.Plot, t trace, i int, scale func(float64) float64) error {
	if len(t.smooth) == 0 {
		return nil
	}
	line := d.style.line(i)
	if single := t.run.last-t.run.first < few; single {
		raw := make(plotter.XYs, len(t.bins))
		for j, b := range t.bins {
			raw[j] = plotter.XY{X: float64(b.Step), Y: max(p.Y.Min, min(p.Y.Max, scale(b.Mean)))}
		}
		steps, err := plotter.NewLine(raw)
		if err != nil {
			return err
		}
		steps.LineStyle = draw.LineStyle{Color: faint(line.Color, 90), Width: d.style.Line * 0.4}
		p.Add(steps)
	} else if band, err := plotter.NewPolygon(outline(t.bins, scale, p.Y.Min, p.Y.Max)); err == nil {
		band.Color, band.LineStyle.Width = faint(line.Color, 45), 0
		p.Add(band)
	}
	bold, err := plotter.NewLine(t.smooth)
	if err != nil {
		return err
	}
	bold.LineStyle = line
	p.Add(bold)
	if len(d.runs) == 1 {
		return nil
	}
	var at plotter.XYs // eight marks, shifted from run to run
	for j := range 8 {
		at = append(at, t.smooth[(len(t.smooth)-1)*(j*len(d.runs)+i)/(8*len(d.runs))])
	}
	dots, err := plotter.NewScatter(at)
	if err != nil {
		return err
	}
	dots.GlyphStyle = d.style.mark(i)
	p.Add(dots)
	return nil
}

// ends returns the last step with a finite value of a series that overflows, or 0.
func ends(all []trace) int {
	for _, t := range all {
		if n := len(t.bins); n > 0 && t.bins[n-1].Step+t.bins[n-1].N < t.run.last-(t.run.last-t.run.first)/20 {
			return t.bins[n-1].Step + t.bins[n-1].N - 1
		}
	}
	return 0
}

// reading says what lines and bands are.
func (d *drawing) reading() string {
	mean := "a fiftieth of the training"
	if n := d.options.Smooth; n > 0 {
		mean = humanize.Count(n, "step")
	} else if w := (d.runs[0].last - d.runs[0].first + 1) / 50; !slices.ContainsFunc(d.runs, func(r *run) bool {
		return (r.last-r.first+1)/50 != w
	}) {
		mean = humanize.Count(max(1, w), "step")
	}
	if mean == "1 step" {
		return "" // the line is of single steps
	}
	return "bold: mean of " + mean + " (of logarithms on a log axis); faint: single steps"
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

// movingMean averages scaled values over width bins around each bin, but not across the
// onset of the transformation, because the line would change before it.
func movingMean(bins []record.Bin, width, onset int, scale func(float64) float64) plotter.XYs {
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
			sum += scale(b.Mean) * float64(b.N)
			n += float64(b.N)
		}
		out[i].X, out[i].Y = float64(bins[i].Step), sum/n
	}
	return out
}

// logTicks labels an axis of decimal logarithms: powers of ten, and 2 and 5 times those if
// there are few. All labels of an axis have the same form.
type logTicks struct{}

func (logTicks) Ticks(low, high float64) []plot.Tick {
	var list []plot.Tick
	step := max(1, math.Ceil((high-low)/6))
	powers := low < -3 || high > 6
	for e := math.Floor(low); e <= high; e++ {
		for _, f := range []float64{1, 2, 5} {
			at := e + math.Log10(f)
			if at < low || at > high || f > 1 && high-low > 2 || math.Mod(e, step) != 0 {
				continue
			}
			text := number(f*math.Pow(10, e), max(0, -int(e)))
			if powers {
				text = fmt.Sprintf("%ve%s", f, number(e, 0))
			}
			list = append(list, plot.Tick{Value: at, Label: text})
		}
	}
	return list
}

// legend has the lines of the runs and the meaning of dashed lines.
func (d *drawing) legend() []entry {
	var entries []entry
	onset := -1
	for i, r := range d.runs {
		e := entry{label: r.label, line: d.style.line(i)}
		if len(d.runs) > 1 {
			e.mark = d.style.mark(i)
		}
		entries = append(entries, e)
		if r.onset > 0 && r.onset < rundir.NotYet {
			onset = i
		}
	}
	if onset >= 0 {
		entries = append(entries, entry{label: "onset of the transformation", line: d.onsetLine(onset)})
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

// chart is a figure of a series over the steps.
func (d *drawing) chart(name string, p *plot.Plot) figure {
	f := d.single(name, p, d.legend())
	paint := f.paint
	f.paint = func(c draw.Canvas) error { return paint(d.style.note(c, d.reading())) }
	return f
}

// page is a figure with charts in rows and columns, under a title and a legend.
func (d *drawing) page(name string, charts []*plot.Plot, columns int) figure {
	s := d.style
	rows := (len(charts) + columns - 1) / columns
	w, h := s.Width*0.72*vg.Length(columns), s.Height*0.78*vg.Length(rows)+4*s.Font
	return figure{name, w, h, func(c draw.Canvas) error {
		c = s.note(s.legend(s.title(c, d.options.Title, 1.4), d.legend()), d.reading())
		tiles := draw.Tiles{Rows: rows, Cols: columns, PadX: s.Font * 2.4, PadY: s.Font * 1.2, PadRight: s.Font * 0.8}
		s.alignLeft(charts)
		for i, p := range charts {
			title := p.Title.Text
			p.Title.Text = letter(i) + title
			p.Draw(tiles.At(c, i%columns, i/columns))
			p.Title.Text = title
		}
		return nil
	}}
}

// letter is what a text calls the i-th chart of a page.
func letter(i int) string { return "(" + string(rune('a'+i)) + ") " }

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
