package viz

import (
	"fmt"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"contralens/config"
	"contralens/rundir"
	"contralens/scores"
	"contralens/scores/record"
)

// run is one of the runs of a figure.
type run struct {
	scores.Source
	dir, label  string
	name        string            // label without the accuracy
	file        string            // name of the run in file names
	config      map[string]string // options from its run.json; nil if there is none
	first, last int               // steps
	onset       int               // first transformed step, or rundir.NotYet; 0: the first step, or never
}

func openRun(dir string) (*run, error) {
	s, err := scores.Open(dir)
	if err != nil {
		return nil, err
	}
	r := &run{Source: s, dir: dir}
	if r.first, r.last = s.Range(); r.last < r.first {
		return nil, fmt.Errorf("%s: no step is recorded yet", dir)
	}
	record, err := rundir.ReadRecord(dir)
	if err != nil {
		return nil, err
	}
	if record != nil {
		r.config = record.Config
	}
	if r.onset, err = rundir.Onset(r.config, s); r.onset <= r.first {
		r.onset = 0
	}
	return r, err
}

// has reports whether a series was recorded.
func (r *run) has(series string) bool { return slices.Contains(r.Series(), series) }

// inLegend reports whether a legend may distinguish runs by an option. It must concern the
// training and not be part of the name of the transformation.
func inLegend(option string) bool {
	f, known := config.Lookup(option)
	return !known || f.Legend != "-" && (f.Legend != "" || !f.Runtime)
}

// symbol is the short name of an option in legends.
func symbol(option string) string {
	if f, _ := config.Lookup(option); f.Legend != "" {
		return f.Legend
	}
	return option
}

// concerns reports whether an option has an effect in the run: it is not idle beside the others, and something is
// transformed if it is one of the feature transformation.
func (r *run) concerns(option string, idle map[string]string) bool {
	f, _ := config.Lookup(option)
	if _, none := idle[option]; none && r.value(option) != "auto" {
		return false
	}
	return r.config["mixnorm"] == "true" || f.Group != config.GroupTransformation
}

// idle returns the options that have no effect in the run; none are known of runs of other programs.
func (r *run) idle() map[string]string {
	if r.config == nil {
		return nil
	}
	c := config.DefaultContrast()
	for _, f := range config.Fields(&c) {
		if v, ok := r.config[f.Name]; ok && !f.Ignored && f.Set(v) != nil {
			return nil
		}
	}
	return c.Idle()
}

// chosenIf are the switches with which the scores choose an option in the training, in place of its value.
var chosenIf = map[string]string{"nce_t": "nce_t_auto", "pos_alpha": "alpha_auto", "neg_alpha": "alpha_auto"}

// value is that of an option, or auto if the scores choose it.
func (r *run) value(option string) string {
	if r.config[chosenIf[option]] == "true" {
		return "auto"
	}
	return r.config[option]
}

// label names runs by the options in which they differ, or by their folders if there are
// none or too many.
func label(runs []*run) {
	keys, idle := map[string]bool{}, map[*run]map[string]string{}
	for _, r := range runs {
		idle[r] = r.idle()
		for k := range r.config {
			keys[k] = true
		}
	}
	var differ []string
	for k := range keys {
		if !inLegend(k) {
			continue
		}
		concerned := slices.DeleteFunc(slices.Clone(runs), func(r *run) bool { return !r.concerns(k, idle[r]) })
		if slices.ContainsFunc(concerned, func(r *run) bool { return r.value(k) != concerned[0].value(k) }) {
			differ = append(differ, k)
		}
	}
	sort.Strings(differ)
	transformed := slices.ContainsFunc(runs, func(r *run) bool { return r.transformation() != runs[0].transformation() })
	c := config.DefaultContrast()
	seen, usual := map[string]int{}, config.Values(&c)
	for _, r := range runs {
		var parts, off []string // off: what is not used, as usual
		if transformed && r.config != nil {
			parts = append(parts, r.transformation())
		}
		for _, k := range differ {
			value := r.value(k)
			if !r.concerns(k, idle[r]) {
				continue
			}
			if value == "" {
				value = "default"
			}
			if text := symbol(k) + " = " + value; value == "none" && usual[k] == value {
				off = append(off, text)
			} else {
				parts = append(parts, text)
			}
		}
		if len(parts) == 0 {
			parts = off
		}
		if r.label = strings.Join(parts, ", "); r.label == "" || r.config == nil || len(parts) > 4 {
			r.label = filepath.Base(filepath.Clean(r.dir))
		}
		seen[r.label]++
	}
	for _, r := range runs {
		if base := filepath.Base(filepath.Clean(r.dir)); seen[r.label] > 1 && r.label != base {
			r.label += " (" + base + ")"
		}
	}
}

// transformation is a short name of the run's feature transformation.
func (r *run) transformation() string {
	if r.config["mixnorm"] != "true" {
		return "no FT"
	}
	if r.config["alpha_auto"] == "true" {
		return "FT auto"
	}
	return "FT " + r.config["mixnorm_target"]
}

// accuracy formats the run's last top-1 accuracy of k-NN, or else of linear evaluation,
// from results.jsonl. It is "" if the run was not evaluated.
func (r *run) accuracy() string {
	top1 := rundir.LastTop1(r.dir)
	if v, ok := top1["knn"]; ok {
		return fmt.Sprintf("k-NN %.1f %%", v)
	}
	if v, ok := top1["linear"]; ok {
		return fmt.Sprintf("linear %.1f %%", v)
	}
	return ""
}

// curve returns a series over all steps in at most points bins.
func (r *run) curve(series string, points int) ([]record.Bin, error) {
	return r.Curve(series, r.first, r.last, points)
}
