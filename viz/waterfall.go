package viz

import (
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"contralens/scores/record"
)

// ridge is the line of one run in a waterfall.
type ridge struct {
	line  plotter.XYs
	style draw.LineStyle
	label string
}

// waterfall is a plot of a statistic in three dimensions, in parallel projection: steps to
// the right, runs one behind another, values upwards.
type waterfall struct {
	style          Style
	title, axis    string
	ridges         []ridge
	steps          float64
	low, high      float64
	depthX, depthY float64 // shift of the last run, in fractions of the box
	ticks          plot.Ticker
}

// waterfalls returns a page with all statistics and a figure for each.
func (d *drawing) waterfalls(names []string) ([]figure, error) {
	var all []*waterfall
	var list []figure
	for _, name := range names {
		w, err := d.waterfall(name)
		if err != nil {
			return nil, err
		}
		all = append(all, w)
		list = append(list, figure{name + "_3d", d.style.Width, d.style.Height * 1.1, func(c draw.Canvas) error {
			w.draw(d.style.legend(c, d.legend()[:len(d.runs)]))
			return nil
		}})
	}
	columns := min(3, (len(all)+1)/2)
	rows := (len(all) + columns - 1) / columns
	s := d.style
	page := figure{"waterfall", s.Width * 0.72 * vg.Length(columns), s.Height*0.85*vg.Length(rows) + 4*s.Font,
		func(c draw.Canvas) error {
			c = s.legend(s.title(c, d.options.Title, 1.4), d.legend()[:len(d.runs)])
			tiles := draw.Tiles{Rows: rows, Cols: columns, PadX: s.Font * 1.2, PadY: s.Font * 1.2}
			for i, w := range all {
				lettered := *w
				lettered.title = letter(i) + w.title
				lettered.draw(tiles.At(c, i%columns, i/columns))
			}
			return nil
		}}
	return append([]figure{page}, list...), nil
}

func (d *drawing) waterfall(name string) (*waterfall, error) {
	about := record.Describe(name)
	w := &waterfall{style: d.style, title: about.Title, axis: about.Axis, low: math.Inf(1), high: math.Inf(-1),
		depthX: 0.28, depthY: 0.42, ticks: ticks{}}
	all, _, isLog, err := d.traces(name, 400)
	if err != nil {
		return nil, err
	}
	if isLog {
		w.axis, w.ticks = about.Axis+" (log)", logTicks{}
	}
	for i, t := range all {
		for _, v := range t.smooth {
			w.low, w.high = min(w.low, v.Y), max(w.high, v.Y)
		}
		w.steps = max(w.steps, float64(t.run.last))
		w.ridges = append(w.ridges, ridge{t.smooth, d.style.line(i), t.run.name})
	}
	if margin := 0.05 * (w.high - w.low); margin > 0 {
		w.low -= margin
	} else {
		w.low, w.high = w.low-1, w.high+1
	}
	return w, nil
}

func (w *waterfall) draw(c draw.Canvas) {
	s := w.style
	c = s.title(c, w.title, 1.1)
	zTicks, xTicks := w.ticks.Ticks(w.low, w.high), ticks{}.Ticks(0, w.steps)
	label := s.text(0.9)
	left := vg.Length(0)
	for _, t := range zTicks {
		left = max(left, label.Width(t.Label))
	}
	left += s.Font * 2.2
	right, named := w.right(c.Rectangle.Size().X - left)
	box := draw.Crop(c, left, -right, s.Font*2.6, 0)
	size := box.Rectangle.Size()
	front, tall := size.X*vg.Length(1-w.depthX), size.Y*vg.Length(1-w.depthY)
	// at maps step, run (0 in front to 1 at the back) and value to the canvas.
	at := func(step, depth, value float64) vg.Point {
		return vg.Point{
			X: box.Min.X + front*vg.Length(step/w.steps) + size.X*vg.Length(w.depthX*depth),
			Y: box.Min.Y + tall*vg.Length((value-w.low)/(w.high-w.low)) + size.Y*vg.Length(w.depthY*depth),
		}
	}
	thin := draw.LineStyle{Color: gray, Width: s.Line * 0.3}
	axis := draw.LineStyle{Color: color.Black, Width: s.Line * 0.4}
	for _, t := range xTicks {
		c.StrokeLines(thin, []vg.Point{at(t.Value, 0, w.low), at(t.Value, 1, w.low), at(t.Value, 1, w.high)})
	}
	for _, t := range zTicks {
		c.StrokeLines(thin, []vg.Point{at(0, 0, t.Value), at(0, 1, t.Value), at(w.steps, 1, t.Value)})
	}
	c.StrokeLines(thin, []vg.Point{at(w.steps, 0, w.low), at(w.steps, 1, w.low), at(0, 1, w.low)})
	for i := len(w.ridges) - 1; i >= 0; i-- {
		w.drawRidge(c, w.ridges[i], w.depth(i), named, at)
	}
	c.StrokeLines(axis, []vg.Point{at(0, 0, w.high), at(0, 0, w.low), at(w.steps, 0, w.low)})
	w.drawLabels(c, xTicks, zTicks, left, at)
}

// right returns the space that the names of the runs need on the right of their lines, in
// a box of the given width; runs at the back extend further to the right. named is false
// if names would take more than a quarter of the width: then only the legend has them.
func (w *waterfall) right(width vg.Length) (room vg.Length, named bool) {
	room = w.style.Font * 0.5
	for i, r := range w.ridges {
		free := vg.Length(w.depthX*(1-w.depth(i))) * width * 0.8
		room = max(room, w.style.text(0.85).Width(r.label)+w.style.Font*0.6-free)
	}
	if room > width/4 {
		return w.style.Font * 0.5, false
	}
	return room, true
}

// depth is the depth of the i-th run, from 0 (the first, in front) to 1.
func (w *waterfall) depth(i int) float64 {
	return float64(i) / float64(max(1, len(w.ridges)-1))
}

func (w *waterfall) drawRidge(c draw.Canvas, r ridge, depth float64, named bool,
	at func(step, depth, value float64) vg.Point) {
	if len(r.line) == 0 {
		return
	}
	var top []vg.Point
	for _, v := range r.line {
		top = append(top, at(v.X, depth, v.Y))
	}
	wall := append([]vg.Point{at(r.line[0].X, depth, w.low)}, top...)
	wall = append(wall, at(r.line[len(r.line)-1].X, depth, w.low))
	c.FillPolygon(faint(color.White, 150), wall)
	c.FillPolygon(faint(r.style.Color, 40), wall)
	base := r.style
	base.Width, base.Dashes = w.style.Line*0.4, nil
	c.StrokeLines(base, []vg.Point{at(0, depth, w.low), at(w.steps, depth, w.low)})
	c.StrokeLines(r.style, top)
	if !named {
		return
	}
	name := w.style.text(0.85)
	name.Color, name.YAlign = r.style.Color, draw.YCenter
	end := at(w.steps, depth, w.low)
	c.FillText(name, vg.Point{X: end.X + w.style.Font*0.5, Y: end.Y}, r.label)
}

func (w *waterfall) drawLabels(c draw.Canvas, xTicks, zTicks []plot.Tick, left vg.Length,
	at func(step, depth, value float64) vg.Point) {
	s := w.style
	style := s.text(0.9)
	style.XAlign, style.YAlign = draw.XCenter, draw.YTop
	room, every := vg.Length(0), 1
	for _, t := range xTicks {
		room = max(room, style.Width(t.Label)*1.3)
	}
	for len(xTicks) > 1 && vg.Length(every)*(at(xTicks[1].Value, 0, 0).X-at(xTicks[0].Value, 0, 0).X) < room {
		every++
	}
	for i, t := range xTicks {
		if i%every != 0 {
			continue
		}
		p := at(t.Value, 0, w.low)
		c.FillText(style, vg.Point{X: p.X, Y: p.Y - s.Font*0.3}, t.Label)
	}
	name := s.text(1)
	name.XAlign, name.YAlign = draw.XCenter, draw.YBottom
	c.FillText(name, vg.Point{X: at(w.steps/2, 0, w.low).X, Y: c.Min.Y}, "training step")
	style.XAlign, style.YAlign = draw.XRight, draw.YCenter
	for _, t := range zTicks {
		p := at(0, 0, t.Value)
		c.FillText(style, vg.Point{X: p.X - s.Font*0.4, Y: p.Y}, t.Label)
	}
	name.Rotation, name.XAlign, name.YAlign = math.Pi/2, draw.XCenter, draw.YTop
	c.FillText(name, vg.Point{X: at(0, 0, w.low).X - left, Y: at(0, 0, (w.low+w.high)/2).Y}, w.axis)
}
