// Package report collects the results of many runs in one table, with means and
// standard deviations over seeds. Collect reads the results, and Write writes the
// table.
package report

import (
	"cmp"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"contralens/rundir"
)

// Metrics lists the accuracies of a table in the order of its columns. A table omits
// those that no result has.
var Metrics = []string{
	"top1", "top5", "many", "medium", "few", "AP", "AP50", "AP75", "mask_AP", "mask_AP50", "mask_AP75",
}

// Value is a metric over the seeds of a row, in percent.
type Value struct {
	Mean float64 `json:"mean"`
	Std  float64 `json:"std"` // sample standard deviation (divisor n-1); 0 for one seed
}

// Row is the result of repeated evaluations that differ only in their seeds.
type Row struct {
	Run      string           `json:"run"` // name of the run directory, or the common part of several names
	Protocol string           `json:"protocol"`
	Dataset  string           `json:"dataset"`
	Epoch    int              `json:"epoch"`
	Seeds    int              `json:"seeds"`
	Metrics  map[string]Value `json:"metrics"`

	runs []string
}

// Options select what Collect returns.
type Options struct {
	AllEpochs bool // return the evaluations after all epochs of an encoder, instead of the first (untrained) and last ones
}

// Collect reads the results.jsonl of every run directory in or below dir. If an
// evaluation was repeated with the same seed and checkpoint, the last one counts.
func Collect(dir string, o Options) ([]Row, error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("report: want a directory with runs below it, but there is no directory %s", dir)
	}
	groups := map[string]*group{}
	found := false
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() || e.Name() != rundir.ResultsFile {
			return nil
		}
		found = true
		results, err := rundir.ReadResults(filepath.Dir(path))
		if err != nil {
			return err
		}
		run, err := filepath.Rel(dir, filepath.Dir(path))
		if run == "." {
			run = filepath.Base(filepath.Dir(path))
		}
		for _, r := range results {
			add(groups, run, r)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	if !found {
		return nil, fmt.Errorf("report: want run directories with %s in or below %s, found none; knn, linear and "+
			"finetune write it, and report %s -o run.html needs none", rundir.ResultsFile, dir, filepath.Join(dir, "RUN"))
	}
	var rows []Row
	for _, g := range groups {
		rows = append(rows, g.row())
	}
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.Dataset, b.Dataset), cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Run, b.Run),
			cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.Metrics["top1"].Mean, b.Metrics["top1"].Mean))
	})
	if !o.AllEpochs {
		rows = lastEpochs(rows)
	}
	return rows, nil
}

// group has the results of a row, keyed by what distinguishes the repetitions.
type group struct {
	first   rundir.Result
	results map[string]rundir.Result
	runs    []string
}

var seedInName = regexp.MustCompile(`_seed-\d+`)

func add(groups map[string]*group, run string, r rundir.Result) {
	key := r.Group
	if key == "" { // of another program: group runs whose names differ only in the seed
		key = fmt.Sprint(r.Protocol, " ", r.Dataset, " ", r.Epoch, " ", seedInName.ReplaceAllString(run, ""))
	}
	g := groups[key]
	if g == nil {
		g = &group{first: r, results: map[string]rundir.Result{}}
		groups[key] = g
	}
	// The encoder's file distinguishes the seeds of its training. A k-NN evaluation
	// during training has only the name of its run.
	g.results[fmt.Sprint(r.Seed, " ", cmp.Or(r.CheckpointSHA256, run))] = r
	if !slices.Contains(g.runs, run) {
		g.runs = append(g.runs, run)
	}
}

func (g *group) row() Row {
	r := Row{
		Run: commonName(g.runs), Protocol: g.first.Protocol, Dataset: g.first.Dataset, Epoch: g.first.Epoch,
		Seeds: len(g.results), Metrics: map[string]Value{}, runs: g.runs,
	}
	for _, name := range Metrics {
		var values []float64
		for _, result := range g.results {
			if v, ok := result.Metrics[name].(float64); ok {
				values = append(values, v)
			}
		}
		if len(values) > 0 {
			r.Metrics[name] = meanStd(values)
		}
	}
	return r
}

func meanStd(values []float64) Value {
	slices.Sort(values) // the sum must not depend on the order of a map
	n := float64(len(values))
	var v Value
	for _, x := range values {
		v.Mean += x / n
	}
	if n < 2 {
		return v
	}
	for _, x := range values {
		v.Std += (x - v.Mean) * (x - v.Mean) / (n - 1)
	}
	v.Std = math.Sqrt(v.Std)
	return v
}

// commonName returns the name of a run without its seed, or the common prefix of
// several names.
func commonName(runs []string) string {
	name := seedInName.ReplaceAllString(runs[0], "")
	for _, r := range runs[1:] {
		r = seedInName.ReplaceAllString(r, "")
		n := 0
		for n < min(len(name), len(r)) && name[n] == r[n] {
			n++
		}
		if name[:n] != name || n != len(r) {
			name = name[:n]
		}
	}
	if short := strings.TrimRight(name, "-_ ."); short != "" {
		return short
	}
	return strings.Join(runs, ", ")
}

// lastEpochs keeps the last of the rows that differ only in the epoch, and that of the
// untrained encoder (epoch 0) beside it.
func lastEpochs(rows []Row) []Row {
	last := map[string]int{}
	key := func(r Row) string {
		return fmt.Sprint(r.Dataset, "\x00", r.Protocol, "\x00", strings.Join(r.runs, "\x00"))
	}
	for _, r := range rows {
		last[key(r)] = max(last[key(r)], r.Epoch)
	}
	return slices.DeleteFunc(rows, func(r Row) bool { return r.Epoch != 0 && r.Epoch < last[key(r)] })
}
