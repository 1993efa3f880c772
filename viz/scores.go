// Package viz draws what a training did.
package viz

import (
	"encoding/json"
	"fmt"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"contralens/scores"
)

// Options of the score figures.
type Options struct {
	Smooth int      // steps of the moving mean; 0: a fiftieth of the training
	Labels []string // of the runs in the legend; missing ones are the runs' names
	Title  string   // of the picture with all panels
}

// palette is Okabe and Ito's: told apart also by the colour-blind.
var palette = []color.NRGBA{
	{0, 114, 178, 255}, {213, 94, 0, 255}, {0, 158, 115, 255}, {204, 121, 167, 255}, {230, 159, 0, 255}, {86, 180, 233, 255}, {0, 0, 0, 255},
}

// panel is one statistic over the steps.
type panel struct {
	file, title, axis string
	value             func(step) float64
}

var panels = []panel{
	{"neg_mean", "Negatives: mean", "mean of q·n", func(s step) float64 { return s.NegMean }},
	{"neg_var", "Negatives: variance", "variance of q·n", func(s step) float64 { return s.NegVar }},
	{"pos_mean", "Positives: mean", "mean of q·k", func(s step) float64 { return s.PosMean }},
	{"pos_var", "Positives: variance", "variance of q·k over the batch", func(s step) float64 { return s.PosVar }},
}

// series is one run.
type series struct {
	label string
	steps []step
	onset int // step at which the feature transformation sets in; 0: from the beginning or not at all
}

// step is the statistics of one step.
type step struct {
	Epoch, Step                      int
	NegMean, NegVar, PosMean, PosVar float64
}

func read(run string) ([]step, error) {
	s, err := scores.Open(run)
	if err != nil {
		return nil, err
	}
	first, last := s.Range()
	all, err := s.Curves([]string{"epoch", "neg_mean", "neg_var", "pos_mean", "pos_var"}, first, last, last-first+1)
	if err != nil {
		return nil, err
	}
	steps := make([]step, len(all[0]))
	for i := range steps {
		steps[i] = step{int(all[0][i].Mean), all[0][i].Step, all[1][i].Mean, all[2][i].Mean, all[3][i].Mean, all[4][i].Mean}
	}
	return steps, nil
}

// Plot draws the score statistics of runs over each other: a figure for each
// statistic and scores.png/.svg with all four. It returns the files.
func Plot(runs []string, out string, o Options) ([]string, error) {
	var all []series
	for i, run := range runs {
		steps, err := read(run)
		if err != nil {
			return nil, err
		}
		s := series{label: filepath.Base(filepath.Clean(run)), steps: steps, onset: onset(run, steps)}
		if i < len(o.Labels) {
			s.label = o.Labels[i]
		}
		all = append(all, s)
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return nil, err
	}
	var files []string
	save := func(name string, w, h vg.Length, paint func(draw.Canvas) error) error {
		img := vgimg.NewWith(vgimg.UseWH(w, h), vgimg.UseDPI(160))
		svg := vgsvg.New(w, h)
		for _, target := range []struct {
			ext    string
			canvas vg.CanvasSizer
			write  func(f *os.File) error
		}{
			{".png", img, func(f *os.File) error { _, err := vgimg.PngCanvas{Canvas: img}.WriteTo(f); return err }},
			{".svg", svg, func(f *os.File) error { _, err := svg.WriteTo(f); return err }},
		} {
			if err := paint(draw.New(target.canvas)); err != nil {
				return err
			}
			path := filepath.Join(out, name+target.ext)
			f, err := os.Create(path)
			if err != nil {
				return err
			}
			if err := target.write(f); err != nil {
				f.Close()
				return err
			}
			if err := f.Close(); err != nil {
				return err
			}
			files = append(files, path)
		}
		return nil
	}
	var plots []*plot.Plot
	for i, p := range panels {
		figure, err := p.draw(all, o, true)
		if err != nil {
			return files, err
		}
		if err := save(p.file, 16*vg.Centimeter, 10*vg.Centimeter, func(c draw.Canvas) error { figure.Draw(c); return nil }); err != nil {
			return files, err
		}
		if figure, err = p.draw(all, o, i == 0); err != nil {
			return files, err
		}
		plots = append(plots, figure)
	}
	err := save("scores", 26*vg.Centimeter, 18*vg.Centimeter, func(c draw.Canvas) error { return tile(c, plots, o.Title) })
	return files, err
}

// tile draws four plots in two rows, under a title.
func tile(c draw.Canvas, plots []*plot.Plot, title string) error {
	pad := vg.Points(8)
	c.SetColor(color.White)
	c.Fill(c.Rectangle.Path())
	top := pad
	if title != "" {
		style := draw.TextStyle{Color: color.Black, Font: font.From(plot.DefaultFont, vg.Points(15)), XAlign: draw.XCenter, YAlign: draw.YTop, Handler: plot.DefaultTextHandler}
		c.FillText(style, vg.Point{X: c.Center().X, Y: c.Max.Y - pad}, title)
		top += vg.Points(22)
	}
	t := draw.Tiles{Rows: 2, Cols: 2, PadTop: top, PadBottom: pad, PadLeft: pad, PadRight: pad + vg.Points(6), PadX: vg.Points(14), PadY: vg.Points(12)}
	grid := [][]*plot.Plot{{plots[0], plots[1]}, {plots[2], plots[3]}}
	canvases := plot.Align(grid, t, c)
	for i := range grid {
		for j := range grid[i] {
			grid[i][j].Draw(canvases[i][j])
		}
	}
	return nil
}

func (p panel) draw(all []series, o Options, legend bool) (*plot.Plot, error) {
	figure := plot.New()
	figure.Title.Text, figure.X.Label.Text, figure.Y.Label.Text = p.title, "training step", p.axis
	figure.Title.TextStyle.Font.Size, figure.Title.Padding = vg.Points(13), vg.Points(4)
	for _, a := range []*plot.Axis{&figure.X, &figure.Y} {
		a.Label.TextStyle.Font.Size, a.Tick.Label.Font.Size, a.Padding = vg.Points(11), vg.Points(10), vg.Points(4)
	}
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = color.Gray{225}, color.Gray{225}
	figure.Add(grid)
	figure.Legend.Top = true
	figure.Legend.TextStyle.Font.Size = vg.Points(11)
	figure.Legend.ThumbnailWidth = vg.Points(22)
	figure.Legend.Padding = vg.Points(3)
	low, high := math.Inf(1), math.Inf(-1)
	for i, s := range all {
		width := o.Smooth
		if width == 0 {
			width = max(1, len(s.steps)/50)
		}
		raw := make(plotter.XYs, len(s.steps))
		for j, step := range s.steps {
			raw[j].X, raw[j].Y = float64(step.Step), p.value(step)
		}
		smooth := movingMean(raw, width)
		for _, v := range smooth {
			low, high = min(low, v.Y), max(high, v.Y)
		}
		c := palette[i%len(palette)]
		faint := c
		faint.A = 60
		thin, err := plotter.NewLine(raw)
		if err != nil {
			return nil, fmt.Errorf("%s of %s: %w", p.title, s.label, err)
		}
		thin.Color, thin.Width = faint, vg.Points(0.6)
		bold, err := plotter.NewLine(smooth)
		if err != nil {
			return nil, err
		}
		bold.Color, bold.Width = c, vg.Points(2)
		figure.Add(thin, bold)
		if legend {
			figure.Legend.Add(s.label, bold)
		}
	}
	if math.IsInf(low, 0) || math.IsInf(high, 0) {
		return nil, fmt.Errorf("%s: the scores are not numbers", p.title)
	}
	// The frame follows the bold lines; raw extremes may leave it. The legend
	// gets room above them.
	margin := max(0.08*(high-low), 1e-6)
	figure.Y.Min, figure.Y.Max = low-margin, high+margin
	if legend {
		figure.Y.Max += 0.11 * float64(len(all)) * (high - low)
	}
	for i, s := range all {
		if s.onset > 0 {
			line, err := plotter.NewLine(plotter.XYs{{X: float64(s.onset), Y: figure.Y.Min}, {X: float64(s.onset), Y: figure.Y.Max}})
			if err != nil {
				return nil, err
			}
			line.Color, line.Width, line.Dashes = palette[i%len(palette)], vg.Points(1), []vg.Length{vg.Points(4), vg.Points(3)}
			figure.Add(line)
			if legend {
				figure.Legend.Add("transformation sets in", line)
			}
		}
	}
	return figure, nil
}

// movingMean averages over width points around each point.
func movingMean(raw plotter.XYs, width int) plotter.XYs {
	out := make(plotter.XYs, len(raw))
	for i := range raw {
		lo, hi := max(0, i-width/2), min(len(raw), i+width/2+1)
		sum := 0.0
		for _, v := range raw[lo:hi] {
			sum += v.Y
		}
		out[i].X, out[i].Y = raw[i].X, sum/float64(hi-lo)
	}
	return out
}

// onset reads from run.json when the feature transformation sets in.
func onset(run string, steps []step) int {
	b, err := os.ReadFile(filepath.Join(run, "run.json"))
	if err != nil {
		return 0
	}
	var record struct{ Config map[string]string }
	if json.Unmarshal(b, &record) != nil || record.Config["mixnorm"] != "true" {
		return 0
	}
	at := 0
	if n, err := strconv.Atoi(record.Config["mix_start_step"]); err == nil && n > 0 {
		at = n + 1
	}
	if e, err := strconv.Atoi(record.Config["mix_start_epoch"]); err == nil && e > 0 {
		for _, s := range steps {
			if s.Epoch > e {
				return max(at, s.Step)
			}
		}
	}
	return at
}
