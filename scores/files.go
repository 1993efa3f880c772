package scores

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"contralens/internal/humanize"
	"contralens/internal/npy"
	"contralens/scores/record"
)

// Files reads a directory of score_EEE.npy files as a Source. Steps count from 1 over all
// epochs. The only histogram is that of the positives. Files keeps a summary of each step
// in memory and reads a file again when it changes.
type Files struct {
	run, dir string
	epochs   []*epochFile
	steps    int
}

// epochFile is the summary of one file.
type epochFile struct {
	path     string
	epoch    int
	modified time.Time
	size     int64
	values   []float32 // [steps, len(fileSeries)]
	counts   []uint16  // [steps, Bins]: positive scores
}

// fileSeries are the series that can be computed from the five columns of the files.
var fileSeries = []string{"epoch", "pos_mean", "pos_var", "neg_mean", "neg_var", "exp_pos", "exp_neg"}

// fileHistogram has a range that also fits transformed positives.
var fileHistogram = record.Histogram{Kind: "pos", Low: -4, High: 1, Bins: 320}

func openFiles(run string) (*Files, error) {
	f := &Files{run: run, dir: run}
	if info, err := os.Stat(filepath.Join(run, "scores")); err == nil && info.IsDir() {
		f.dir = filepath.Join(run, "scores")
	}
	return f, f.Refresh()
}

// Refresh reads files that are new or have changed.
func (f *Files) Refresh() error {
	paths, err := filepath.Glob(filepath.Join(f.dir, "score_*.npy"))
	if err != nil {
		return err
	}
	known := map[string]*epochFile{}
	for _, e := range f.epochs {
		known[e.path] = e
	}
	var epochs []*epochFile
	steps := 0
	for _, path := range paths {
		epoch, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "score_"), ".npy"))
		if err != nil || epoch < 0 {
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		e := known[path]
		if e == nil || e.size != info.Size() || !e.modified.Equal(info.ModTime()) {
			e = &epochFile{path: path, epoch: epoch, size: info.Size(), modified: info.ModTime()}
			if err := e.read(); err != nil {
				return err
			}
		}
		epochs = append(epochs, e)
		steps += e.len()
	}
	if len(epochs) == 0 {
		if runs, _ := filepath.Glob(filepath.Join(f.run, "*", "scores")); len(runs) > 0 {
			return fmt.Errorf("%s: want a run directory, got a folder of %s; give one of them, such as %s",
				f.run, humanize.Count(len(runs), "run"), filepath.Dir(runs[0]))
		}
		return fmt.Errorf("%s: want scores/record or scores/score_*.npy, found neither; was the run made with --record or "+
			"--save_score?", f.run)
	}
	sort.Slice(epochs, func(i, j int) bool { return epochs[i].epoch < epochs[j].epoch })
	f.epochs, f.steps = epochs, steps
	return nil
}

func (e *epochFile) len() int { return len(e.values) / len(fileSeries) }

func (e *epochFile) read() error {
	rows, h, err := npy.Read(e.path)
	if err != nil {
		return err
	}
	if len(h.Shape) != 3 || h.Shape[2] != Columns || h.Shape[1] < 1 || h.Shape[1] > math.MaxUint16 {
		return fmt.Errorf("%s: want an array [steps, batch, %d], got %v", e.path, Columns, h.Shape)
	}
	size := h.Shape[1] * Columns
	for s := range h.Shape[0] {
		e.summarize(rows[s*size : (s+1)*size])
	}
	return nil
}

// summarize appends the statistics of one step, computed from its rows [n, 5]. Rows of
// padding, which are NaN, are skipped.
func (e *epochFile) summarize(rows []float32) {
	var sum [Columns]float64
	counts := make([]uint16, fileHistogram.Bins)
	n, squares := 0.0, 0.0
	for i := 0; i+Columns <= len(rows); i += Columns {
		pos := float64(rows[i+2])
		if math.IsNaN(float64(rows[i])) && math.IsNaN(pos) {
			continue
		}
		n++
		for c := range sum {
			sum[c] += float64(rows[i+c])
		}
		squares += pos * pos
		if !math.IsNaN(pos) {
			h := fileHistogram
			bin := (pos - h.Low) / (h.High - h.Low) * float64(h.Bins)
			counts[int(max(0, min(bin, float64(h.Bins-1))))]++
		}
	}
	for c := range sum {
		sum[c] /= n
	}
	variance := max(0, (squares-n*sum[2]*sum[2])/max(1, n-1))
	for _, v := range []float64{float64(e.epoch), sum[2], variance, sum[0], sum[1], sum[4], sum[3]} {
		e.values = append(e.values, float32(v))
	}
	e.counts = append(e.counts, counts...)
}

// Series returns the epoch and the six series computed from the columns of the files.
func (f *Files) Series() []string { return fileSeries }

// Kinds returns the only kind of histogram, that of the positives.
func (f *Files) Kinds() []string { return []string{fileHistogram.Kind} }

// Range returns the first and the last step.
func (f *Files) Range() (first, last int) { return 1, f.steps }

// visit divides the steps from … to into at most n bins and calls do for each step, with
// the first step of its bin.
func (f *Files) visit(from, to, n int, do func(bin int, e *epochFile, row int)) {
	from, to = max(from, 1), min(to, f.steps)
	span := 1
	for n = max(n, 1); (to-1)/span-(from-1)/span+1 > n; {
		span++
	}
	begin := 1
	for _, e := range f.epochs {
		for s := max(from, begin); s <= to && s < begin+e.len(); s++ {
			do((s-1)/span*span+1, e, s-begin)
		}
		begin += e.len()
	}
}

// Curve returns a series over the steps from … to in at most points bins.
func (f *Files) Curve(name string, from, to, points int) ([]record.Bin, error) {
	all, err := f.Curves([]string{name}, from, to, points)
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// Curves is Curve for several series.
func (f *Files) Curves(names []string, from, to, points int) ([][]record.Bin, error) {
	out := make([][]record.Bin, len(names))
	for i, name := range names {
		column := slices.Index(fileSeries, name)
		if column < 0 {
			return nil, fmt.Errorf("%s: score_*.npy have no series %q; --record keeps more of them", f.dir, name)
		}
		f.visit(from, to, points, func(bin int, e *epochFile, row int) {
			v := float64(e.values[row*len(fileSeries)+column])
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				out[i] = record.AppendBin(out[i], record.Bin{Step: bin, N: 1, Mean: v, Min: v, Max: v})
			}
		})
	}
	return out, nil
}

// Summary returns one bin of a series over exactly the steps from … to. Its N is 0 if no
// value is finite.
func (f *Files) Summary(name string, from, to int) (record.Bin, error) {
	from = max(from, 1)
	bins, err := f.Curve(name, from, to, max(1, to-from+1))
	for i := range bins {
		bins[i].Step = from
	}
	var sum []record.Bin
	for _, b := range bins {
		sum = record.AppendBin(sum, b)
	}
	return append(sum, record.Bin{Step: from})[0], err
}

// Sum returns the histogram of the positives over exactly the steps from … to, in one
// row.
func (f *Files) Sum(kind string, from, to int) (record.Heat, error) {
	heat, err := f.Histograms(kind, from, to, max(1, to-from+1))
	if err != nil || len(heat.Rows) < 2 {
		return heat, err
	}
	sum := &heat.Rows[0]
	for _, row := range heat.Rows[1:] {
		sum.N += row.N
		for i, c := range row.Counts {
			sum.Counts[i] += c
		}
	}
	heat.Rows = heat.Rows[:1]
	return heat, nil
}

// Histograms returns histograms of the positives over the steps from … to in at most
// rows rows.
func (f *Files) Histograms(kind string, from, to, rows int) (record.Heat, error) {
	h := fileHistogram
	if kind != h.Kind {
		return record.Heat{}, fmt.Errorf("%s: score_*.npy have no histogram %q; --record keeps it", f.dir, kind)
	}
	heat := record.Heat{Edges: h.Edges()}
	f.visit(from, to, min(rows, 1<<14), func(bin int, e *epochFile, row int) {
		last := len(heat.Rows) - 1
		if last < 0 || heat.Rows[last].Step != bin {
			heat.Rows = append(heat.Rows, record.HeatRow{Step: bin, Counts: make([]float64, h.Bins)})
			last++
		}
		heat.Rows[last].N++
		for i, c := range e.counts[row*h.Bins : (row+1)*h.Bins] {
			heat.Rows[last].Counts[i] += float64(c)
		}
	})
	return heat, nil
}
