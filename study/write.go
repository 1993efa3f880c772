package study

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"contralens/internal/durable"
	"contralens/internal/humanize"
	"contralens/rundir"
	"contralens/viz"
)

// Files of a report beside ReportFile.
const (
	MarkdownFile = "study.md"
	TableFile    = "study.csv" // a row for each arm and measure
	CellsFile    = "cells.csv" // a row for each cell and measure
	Figure       = "study"     // .png and .svg
)

// Write writes the report to the folder of the study as JSON, Markdown, CSV and figures.
func (r Report) Write(dir string) error {
	for name, write := range map[string]func(io.Writer) error{
		ReportFile: r.JSON, MarkdownFile: r.Markdown, TableFile: r.CSV, CellsFile: r.CellsCSV,
	} {
		if err := durable.Write(filepath.Join(dir, name), write); err != nil {
			return err
		}
	}
	panels := r.Panels()
	if len(panels) == 0 {
		return nil
	}
	_, err := viz.Differences(dir, Figure, panels, viz.Options{Title: r.Title})
	return err
}

// JSON writes the report as JSON.
func (r Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(r)
}

// Panels returns the figure of the report: for each measure, the differences from the
// baseline.
func (r Report) Panels() (panels []viz.DifferencePanel) {
	for _, m := range r.Measures {
		p := viz.DifferencePanel{
			Title: Title(m), Axis: "difference from " + r.Baseline + Unit(m),
		}
		for _, a := range r.Arms {
			d := a.Measures[m].Difference
			if d.N == 0 {
				continue
			}
			row := viz.DifferenceRow{Label: a.Name, Mean: d.Mean}
			if d.Low != nil {
				row.Low, row.High, row.Interval = *d.Low, *d.High, true
			}
			for _, s := range a.Measures[m].Pairs {
				row.Points = append(row.Points, s.Value)
			}
			p.Rows = append(p.Rows, row)
		}
		if len(p.Rows) > 0 {
			panels = append(panels, p)
		}
	}
	return panels
}

// Title is the heading of a measure.
func Title(measure string) string {
	if isPrecision(measure) {
		return precisionTitle(measure)
	}
	if n, ok := strings.CutPrefix(measure, "few-shot-"); ok {
		if n == "1" {
			return "1 label per class"
		}
		return n + " labels per class"
	}
	return map[string]string{
		Neighbors: "k-NN", linear: "linear probe", "pos_mean": "mean of positive scores",
		"pos_var": "variance of positive scores", "neg_mean": "mean of negative scores",
		"neg_var": "variance of negative scores",
	}[measure]
}

// Unit is what follows the title of an axis with a measure.
func Unit(measure string) string {
	if isStatistic(measure) {
		return ""
	}
	return ", percentage points"
}

// Places is the number of decimals of a measure in tables.
func Places(measure string) int {
	if isStatistic(measure) {
		return 4
	}
	return 2
}

// numbers returns functions that format values and differences of a measure.
func numbers(measure string) (plain, signed func(float64) string) {
	write := func(format string) func(float64) string {
		return func(v float64) string { return strings.ReplaceAll(fmt.Sprintf(format, Places(measure), v), "-", "−") }
	}
	return write("%.*f"), write("%+.*f")
}

// text returns "52.31 [51.02, 53.60]", without the interval if there is none, or "" without
// values.
func (e Estimate) text(number func(float64) string) string {
	switch {
	case e.N == 0:
		return ""
	case e.Low == nil:
		return number(e.Mean)
	}
	return fmt.Sprintf("%s [%s, %s]", number(e.Mean), number(*e.Low), number(*e.High))
}

// Sentences are what a reader must know beside the table.
func (r Report) Sentences() (all []string) {
	what := "Accuracies"
	if slices.ContainsFunc(r.Measures, isPrecision) {
		what = "Accuracies and average precisions"
		if !slices.ContainsFunc(r.Measures, isAccuracy) {
			what = "Average precisions"
		}
	}
	intervals := fmt.Sprintf("In brackets: %s. The baseline is %s.", r.Method, r.Baseline)
	if slices.ContainsFunc(r.Measures, func(m string) bool { return !isStatistic(m) }) {
		intervals = what + " in percent. " + intervals
	}
	all = append(all, intervals)
	if slices.ContainsFunc(r.Measures, isStatistic) {
		all = append(all, "Means and variances are those of the scores that the loss sees, in the last epoch.")
		for _, name := range r.Alone {
			all = append(all, fmt.Sprintf("The loss of %s sees no negatives: they are other images of the batch.", name))
		}
	}
	if len(r.Seeds) == 1 {
		all = append(all, "There is one seed, so there are no intervals: differences of single trainings say little.")
	}
	if n := r.compared(); n > 1 {
		all = append(all, fmt.Sprintf("There are %d differences of accuracies: without any effect, 1 in %d would have an "+
			"interval without 0 by chance, and the largest is likely to be smaller in a repetition.", n,
			int(math.Round(1/(1-Confidence)))))
	}
	for _, name := range r.equal() {
		all = append(all, fmt.Sprintf("Arm %s has the results of %s in every run, by chance or because what it differs "+
			"in had no effect, as when the transformation has not begun.", name, r.Baseline))
	}
	for _, a := range r.Arms {
		if n := r.untransformed(a.Name); n > 0 {
			all = append(all, fmt.Sprintf("In %d of %s of arm %s no features were transformed: the training ended before that "+
				"could begin (mix_start_epoch, mix_start: auto). These do not show the transformation.", n,
				humanize.Count(a.Runs, "training"), a.Name))
		}
	}
	if r.TunedBy != "" {
		text := fmt.Sprintf("Every arm was tuned with the same budget, by %s on a validation split; results are on test "+
			"images.", Title(r.TunedBy))
		if failed := r.failedTuning(); len(failed) > 0 {
			text += fmt.Sprintf(" Trainings failed while arms were tuned: %s.", strings.Join(failed, ", "))
		}
		all = append(all, text)
	}
	if made := r.made(); made != "" {
		all = append(all, made)
	}
	if left := len(r.Cells) - r.Done; left > 0 {
		all = append(all, fmt.Sprintf("%d of %s are not done.", left, humanize.Count(len(r.Cells), "training")))
	}
	if r.Failed > 0 {
		all = append(all, fmt.Sprintf("%s failed; %s has the reasons.", humanize.Count(r.Failed, "training"), MarkdownFile))
	}
	for _, name := range r.Untuned {
		all = append(all, fmt.Sprintf("Arm %s has no results: all of its settings failed.", name))
	}
	return all
}

// untransformed returns how many trainings behind the results of an arm ended before the scores let the
// transformation of any side begin.
func (r Report) untransformed(arm string) (n int) {
	for _, c := range r.Cells {
		none := c.Chosen[rundir.ChosenOnset] == NeverBegan || c.Chosen["pos_alpha"] == "0" && c.Chosen["neg_alpha"] == "0"
		if c.Arm == arm && c.Round == 0 && c.State == Done && none {
			n++
		}
	}
	return n
}

// failedTuning returns the arms of which trainings failed that tuning tried.
func (r Report) failedTuning() (arms []string) {
	for _, c := range r.Cells {
		if c.Round > 0 && c.State == Failed && !slices.Contains(arms, c.Arm) {
			arms = append(arms, c.Arm)
		}
	}
	return arms
}

// made names the versions of the program and the kinds of machines behind the results.
func (r Report) made() string {
	var commits, machines []string
	unknown := 0
	add := func(all []string, v string) []string {
		if v != "" && !slices.Contains(all, v) {
			all = append(all, v)
		}
		return all
	}
	for _, c := range r.Cells {
		commits, machines = add(commits, c.Commit), add(machines, c.Machine)
		if c.State != Open && c.Commit == "" {
			unknown++
		}
	}
	slices.Sort(commits)
	slices.Sort(machines)
	var parts []string
	if len(commits) > 0 {
		of := "with contralens of commit " + strings.Join(commits, ", ")
		if unknown > 0 {
			of += fmt.Sprintf(" (%s: not known)", humanize.Count(unknown, "training"))
		}
		parts = append(parts, of)
	}
	if len(machines) > 0 {
		parts = append(parts, "on "+strings.Join(machines, ", "))
	}
	if len(parts) == 0 {
		return ""
	}
	text := "Made " + strings.Join(parts, " ") + "."
	if len(commits) > 1 || len(machines) > 1 {
		text += " Results can depend on version and machine; " + CellsFile + " names both for each training."
	}
	return text
}

// equal returns the arms that have the results of the baseline, value by value.
func (r Report) equal() (names []string) {
	for _, a := range r.Arms {
		pairs, same := 0, true
		for _, v := range a.Measures {
			for _, p := range v.Pairs {
				pairs++
				same = same && p.Value == 0
			}
		}
		if pairs > 0 && same && a.Name != r.Baseline {
			names = append(names, a.Name)
		}
	}
	return names
}

// compared returns the number of differences of accuracies with intervals.
func (r Report) compared() (n int) {
	for _, a := range r.Arms {
		for m, v := range a.Measures {
			if v.Difference.Low != nil && !isStatistic(m) {
				n++
			}
		}
	}
	return n
}

// Table returns the results by some measures as text. The first row has the headings.
func (r Report) Table(measures []string) [][]string {
	head := []string{"arm", "runs"}
	if r.TunedBy != "" {
		head = append(head, "chosen")
	}
	for _, m := range measures {
		head = append(head, Title(m), "difference")
	}
	all := [][]string{head}
	for _, a := range r.Arms {
		runs := strconv.Itoa(a.Runs)
		switch {
		case slices.Contains(r.Untuned, a.Name):
			runs += " (every setting failed)"
		case a.Failed > 0:
			runs += fmt.Sprintf(" (%d failed)", a.Failed)
		}
		row := []string{a.Name, runs}
		if r.TunedBy != "" {
			row = append(row, a.Setting)
		}
		for _, m := range measures {
			plain, signed := numbers(m)
			v := a.Measures[m]
			difference := v.Difference.text(signed) + beside(v.Difference.N, a.Runs, "pair")
			if a.Name == r.Baseline {
				difference = "baseline"
			}
			row = append(row, v.text(plain)+beside(v.N, a.Runs, "run"), difference)
		}
		all = append(all, row)
	}
	return all
}

// beside tells how many values are behind an estimate where they are not as many as the arm has runs.
func beside(n, runs int, what string) string {
	if n == 0 || n == runs {
		return ""
	}
	return fmt.Sprintf(" (%s)", humanize.Count(n, what))
}

// CSV writes a row for each arm and measure, unrounded.
func (r Report) CSV(w io.Writer) error {
	c := csv.NewWriter(w)
	c.Write([]string{"arm", "measure", "runs", "failed", "mean", "low", "high", "pairs", "difference", "difference_low",
		"difference_high", "setting"})
	for _, a := range r.Arms {
		for _, m := range r.Measures {
			v := a.Measures[m]
			row := append([]string{a.Name, m, strconv.Itoa(v.N), strconv.Itoa(a.Failed)}, v.Estimate.columns()...)
			row = append(append(row, strconv.Itoa(v.Difference.N)), v.Difference.columns()...)
			c.Write(append(row, a.Setting))
		}
	}
	c.Flush()
	return c.Error()
}

// columns returns mean, low and high; empty where they are unknown.
func (e Estimate) columns() []string {
	if e.N == 0 {
		return []string{"", "", ""}
	}
	if e.Low == nil {
		return []string{exact(e.Mean), "", ""}
	}
	return []string{exact(e.Mean), exact(*e.Low), exact(*e.High)}
}

func exact(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// CellsCSV writes a row for each cell and measure.
func (r Report) CellsCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	c.Write([]string{"cell", "arm", "seed", "round", "state", "measure", "value", "seconds", "reason", "commit",
		"machine", "chosen"})
	for _, cell := range r.Cells {
		for _, m := range r.Measures {
			value := ""
			if v, ok := cell.Scores[m]; ok {
				value = exact(v)
			}
			c.Write([]string{cell.Name, cell.Arm, strconv.FormatUint(cell.Seed, 10), strconv.Itoa(cell.Round), cell.State, m,
				value, exact(cell.Seconds), cell.Reason, cell.Commit, cell.Machine, pairs(cell.Chosen)})
		}
	}
	c.Flush()
	return c.Error()
}

// pairs returns the values of options in the order of their names, as in "neg_alpha=0.5 pos_alpha=0".
func pairs(values map[string]string) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		all = append(all, name+"="+values[name])
	}
	return strings.Join(all, " ")
}

// ShellWords joins words, quoted so that a shell reads them back.
func ShellWords(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = w
		if w == "" || strings.ContainsAny(w, " \t\n'\"$&|;<>()*?[]#~`\\!{}") {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

// Print writes the results for a terminal, a table for each measure, with the sentences below.
func (r Report) Print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, m := range r.Measures {
		for _, row := range r.Table([]string{m}) {
			fmt.Fprintln(t, strings.Join(row, "\t"))
		}
		fmt.Fprintln(t)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%s\n", strings.Join(r.Sentences(), "\n"))
	return err
}
