package viz

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/plot"

	"contralens/internal/option"
)

// Options are options of Plot.
type Options struct {
	Style    string   // name of one of Styles; "" stands for web
	Formats  []string // some of Formats; nil stands for png and svg
	Smooth   int      // steps of the moving mean; 0: 2 % of the training
	Labels   []string // of the runs in the legend; missing ones say how the runs differ
	Title    string   // of the pages
	Accuracy bool     // show k-NN or linear accuracies in the legend
	Epochs   []int    // epochs of the histograms; nil: four, evenly spaced
	Only     []string // figures to draw, such as scores, waterfall, histograms, theory, pos_mean; nil: all
}

// drawing is the state that all figures of a call of Plot share.
type drawing struct {
	options Options
	style   Style
	runs    []*run
}

// Plot draws all figures of the scores of some runs. dirs are run directories, or folders
// that [scores.Open] accepts. Plot writes the figures to the folder out and returns the
// paths of the files:
//
//	scores             all statistics on one page
//	neg_mean …         each statistic over the steps
//	waterfall …_3d     the same, with one run behind another, for two or more runs
//	histograms_RUN     positive and negative scores in some epochs, before and after the transformation
//	theory_RUN         the effect of extrapolation on the positives, for runs with the transformation
func Plot(dirs []string, out string, o Options) ([]string, error) {
	if o.Style == "" {
		o.Style = "web"
	}
	if len(o.Formats) == 0 {
		o.Formats = []string{"png", "svg"}
	}
	d := &drawing{options: o}
	var err error
	if d.style, err = ParseStyle(o.Style); err != nil {
		return nil, err
	}
	if err := checkFormats(o.Formats); err != nil {
		return nil, err
	}
	seen := map[string]int{}
	for _, dir := range dirs {
		r, err := openRun(dir)
		if err != nil {
			return nil, err
		}
		r.file = filepath.Base(filepath.Clean(dir))
		if seen[r.file]++; seen[r.file] > 1 {
			r.file += fmt.Sprint("_", seen[r.file])
		}
		d.runs = append(d.runs, r)
	}
	label(d.runs)
	for i, r := range d.runs {
		if i < len(o.Labels) {
			r.label = o.Labels[i]
		}
		r.name = r.label
		if a := r.accuracy(); o.Accuracy && a != "" {
			r.label += ": " + a
		}
	}
	figures, err := d.figures()
	if err == nil {
		figures, err = only(figures, o.Only)
	}
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return nil, err
	}
	var files []string
	for _, f := range figures {
		list, err := save(out, f, o.Formats, d.style.DPI)
		if files = append(files, list...); err != nil {
			return files, err
		}
	}
	return files, nil
}

func (d *drawing) figures() ([]figure, error) {
	var names []string
	for _, name := range statistics {
		if !slices.ContainsFunc(d.runs, func(r *run) bool { return !r.has(name) }) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("the runs have none of the series %v in common", statistics)
	}
	var list []figure
	var charts []*plot.Plot
	for _, name := range names {
		p, err := d.curves(name)
		if err != nil {
			return nil, err
		}
		charts = append(charts, p)
		list = append(list, d.chart(name, p))
	}
	list = append([]figure{d.page("scores", charts, min(3, (len(charts)+1)/2))}, list...)
	if len(d.runs) > 1 {
		falls, err := d.waterfalls(names)
		if err != nil {
			return nil, err
		}
		list = append(list, falls...)
	}
	for i := range d.runs {
		for _, draw := range []func(int) (figure, bool, error){d.histograms, d.theory} {
			f, ok, err := draw(i)
			if err != nil {
				return nil, err
			}
			if ok {
				list = append(list, f)
			}
		}
	}
	return list, nil
}

// needs says what the figures need that not every call can draw.
var needs = map[string]string{
	"waterfall":  "two or more runs",
	"histograms": "a run with recorded histograms",
	"theory":     "a run that extrapolates positives",
}

// only keeps the figures of some names. histograms stands for those of all runs.
func only(figures []figure, names []string) ([]figure, error) {
	if len(names) == 0 {
		return figures, nil
	}
	var kept []figure
	var known []string
	found := map[string]bool{}
	for _, f := range figures {
		kind := f.name
		for _, k := range []string{"histograms", "theory"} {
			if strings.HasPrefix(f.name, k+"_") {
				kind = k
			}
		}
		if !slices.Contains(known, kind) {
			known = append(known, kind)
		}
		if slices.Contains(names, f.name) || slices.Contains(names, kind) {
			kept = append(kept, f)
			found[f.name], found[kind] = true, true
		}
	}
	for _, n := range names {
		if reason := needs[n]; !found[n] && reason != "" {
			return nil, &option.Error{Name: "only", Want: "some of " + strings.Join(known, ", "),
				Got: fmt.Sprintf("%q, which needs %s", n, reason)}
		}
		if !found[n] {
			return nil, option.Text("only", "some of "+strings.Join(known, ", "), n)
		}
	}
	return kept, nil
}

// Main reports whether a file of Plot is one to look at first: a page of all statistics, or
// histograms and theory of a run.
func Main(file string) bool {
	name := filepath.Base(file)
	return slices.ContainsFunc([]string{"scores.", "waterfall.", "histograms_", "theory_"}, func(start string) bool {
		return strings.HasPrefix(name, start)
	})
}
