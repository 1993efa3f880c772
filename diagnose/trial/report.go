package trial

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"contralens/diagnose"
	"contralens/rundir"
)

// shown is how many points of k-NN a run must lie below its healthy twin after the same epoch, for k-NN to
// show the fault.
const shown = 5.0

// Row is the outcome of a trial.
type Row struct {
	Name  string         `json:"name"`
	Cause diagnose.Cause `json:"cause,omitempty"` // of the fault; empty: healthy
	// Named are the sure diagnoses, in the order in which they came, and Found the first of them.
	Named []diagnose.Cause `json:"named"`
	// At is the share of the planned training after which the first diagnosis was sure; -1: never.
	At float64 `json:"at"`
	// Shown is the share of the training after which k-NN was 5 points below the healthy twin's; -1: never.
	Shown float64 `json:"shown"`
	// Below is how many points k-NN was below the twin's after the epoch in which the diagnosis came,
	// and Last after the last common epoch.
	Below *float64 `json:"below"`
	Last  *float64 `json:"last"`
	KNN   *float64 `json:"knn"` // of the last epoch
	Done  bool     `json:"done"`
	Ended string   `json:"ended,omitempty"` // why the training failed
}

// Right reports whether the first diagnosis named the fault, or nothing for a healthy trial.
func (r Row) Right() bool {
	if r.Cause == "" {
		return len(r.Named) == 0
	}
	return len(r.Named) > 0 && r.Named[0] == r.Cause
}

// folder is a run directory.
func folder(dir string) fs.StatFS { return os.DirFS(dir).(fs.StatFS) }

func failed(dir string) bool { return rundir.IsRun(dir) && rundir.Failure(folder(dir)) != "" }

// Report diagnoses all trials from their files, as their trainings did while they ran.
func Report(o Options) ([]Row, error) {
	var rows []Row
	for _, t := range Trials {
		row := Row{Name: t.Name, Cause: t.Cause, At: -1, Shown: -1, Named: []diagnose.Cause{}}
		c, err := o.config(t)
		if err != nil {
			return nil, err
		}
		dir := o.dir(t)
		row.Done = complete(dir, c.Epochs)
		if !row.Done {
			rows = append(rows, row)
			continue
		}
		if row.Ended = rundir.Failure(folder(dir)); row.Ended != "" {
			row.Ended, _, _ = strings.Cut(row.Ended, ": a lower")
		}
		run, err := diagnose.Read(dir)
		if err != nil {
			return nil, err
		}
		at := 0
		row.Named, at = replay(run)
		if len(row.Named) > 0 {
			row.At = float64(at) / float64(run.Lines[0].Planned)
		}
		twin := t.Twin
		if twin == "" {
			twin = Trials[0].Name
		}
		own := knn(dir)
		row.KNN = last(own)
		if t.Cause != "" {
			row.compare(own, knn(o.dir(Trial{Name: twin})), c.Epochs)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// replay diagnoses a run line by line. It returns the sure causes in the order in which they came, and the
// step of the first.
func replay(c diagnose.Case) (named []diagnose.Cause, at int) {
	for i := range c.Lines {
		before := c
		before.Lines, before.Spectra = c.Lines[:i+1], nil
		step := c.Lines[i].Step
		for _, l := range c.Spectra {
			if l.Step <= step {
				before.Spectra = append(before.Spectra, l)
			}
		}
		for _, d := range diagnose.Diagnose(before) {
			if d.IsSure() && !slices.Contains(named, d.Cause) {
				if len(named) == 0 {
					at = step
				}
				named = append(named, d.Cause)
			}
		}
	}
	return named, at
}

// knn reads the accuracies of a run by epoch.
func knn(dir string) map[int]float64 {
	all := map[int]float64{}
	var f rundir.Follower[rundir.Metrics]
	add := func(m rundir.Metrics) {
		if m.KNN != nil {
			all[int(m.Epoch)] = *m.KNN
		}
	}
	if f.Follow(folder(dir), rundir.MetricsFile, add, func() {}) != nil {
		return nil
	}
	return all
}

func last(byEpoch map[int]float64) *float64 {
	most := -1
	for e := range byEpoch {
		most = max(most, e)
	}
	if most < 0 {
		return nil
	}
	return new(byEpoch[most])
}

// compare compares the accuracies with those of the twin.
func (r *Row) compare(own, twin map[int]float64, epochs int) {
	for e := 1; e <= epochs; e++ {
		a, ok1 := own[e]
		b, ok2 := twin[e]
		if !ok1 || !ok2 {
			continue
		}
		r.Last = new(b - a)
		done := float64(e) / float64(epochs)
		if r.Shown < 0 && b-a >= shown {
			r.Shown = done
		}
		if r.Below == nil && r.At >= 0 && done >= r.At {
			r.Below = new(b - a)
		}
	}
}

// Write writes the table as Markdown.
func Write(w io.Writer, rows []Row) error {
	var b strings.Builder
	var at []float64
	right, faults, alarms, healthy, open := 0, 0, 0, 0, 0
	b.WriteString("| trial | fault | first diagnosis | after | k-NN shows it after | points below then | at the end |\n" +
		"|---|---|---|---|---|---|---|\n")
	for _, r := range rows {
		first, fault := "none", string(r.Cause)
		if fault == "" {
			fault = "healthy"
		}
		switch {
		case !r.Done:
			first = "not trained"
			open++
		case len(r.Named) > 0:
			first = string(r.Named[0])
		}
		if r.Done && r.Cause != "" {
			faults++
			if r.Right() {
				right++
				at = append(at, r.At)
			} else {
				first += " (wrong)"
			}
		}
		if r.Done && r.Cause == "" {
			healthy++
			if !r.Right() {
				alarms++
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", r.Name, fault, first, percent(r.At), r.seen(),
			points(r.Below), points(r.Last))
	}
	fmt.Fprintf(&b, "\n%d of %d faults named with the right cause, %d false alarms in %d healthy trainings", right, faults,
		alarms, healthy)
	if len(at) > 0 {
		slices.Sort(at)
		fmt.Fprintf(&b, "; the median of the diagnoses came after %.1f %% of the training", 100*at[len(at)/2])
	}
	if open > 0 {
		fmt.Fprintf(&b, "; %d are not trained yet", open)
	}
	b.WriteString(".\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func percent(share float64) string {
	if share < 0 {
		return ""
	}
	return fmt.Sprintf("%.1f %%", 100*share)
}

// seen says when k-NN shows a fault.
func (r Row) seen() string {
	if r.Cause != "" && r.Done && r.Shown < 0 {
		return "never"
	}
	return percent(r.Shown)
}

func points(p *float64) string {
	if p == nil {
		return ""
	}
	return fmt.Sprintf("%.1f", *p)
}
