package viz

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"

	"contralens/config"
	"contralens/scores"
	"contralens/scores/record"
)

// run is one training in a figure.
type run struct {
	scores.Source
	dir, label  string
	name        string            // label without the accuracy
	file        string            // in names of figures
	config      map[string]string // its run.json; empty without one
	first, last int
	onset       int // step at which the feature transformation sets in; 0: from the beginning or not at all; never: it has not yet
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
	if b, err := os.ReadFile(filepath.Join(dir, "run.json")); err == nil {
		var file struct{ Config map[string]string }
		if err := json.Unmarshal(b, &file); err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Join(dir, "run.json"), err)
		}
		r.config = file.Config
	}
	r.onset, err = r.findOnset()
	return r, err
}

// has says whether a series was recorded.
func (r *run) has(series string) bool { return slices.Contains(r.Series(), series) }

// epochs are the steps at which epochs begin, from the series epoch.
func (r *run) epochs() (begin map[int]int, numbers []int, err error) {
	begin = map[int]int{}
	if !r.has("epoch") {
		return begin, nil, nil
	}
	bins, err := r.Curve("epoch", r.first, r.last, 1<<16)
	for _, b := range bins {
		if _, ok := begin[int(b.Max)]; !ok {
			begin[int(b.Max)] = b.Step
			numbers = append(numbers, int(b.Max))
		}
	}
	sort.Ints(numbers)
	return begin, numbers, err
}

// never is an onset after every step.
const never = math.MaxInt

// findOnset reads from run.json when the feature transformation sets in, or, where
// the scores decided about it, from the first λ.
func (r *run) findOnset() (int, error) {
	if r.config["mixnorm"] != "true" {
		return 0, nil
	}
	if r.config["mix_start"] == "auto" {
		return r.firstLambda()
	}
	at := 0
	if n, err := strconv.Atoi(r.config["mix_start_step"]); err == nil && n > 0 {
		at = n + 1
	}
	if e, err := strconv.Atoi(r.config["mix_start_epoch"]); err == nil && e > 0 {
		begin, _, err := r.epochs()
		if err != nil {
			return 0, err
		}
		at = max(at, begin[e+1])
	}
	return at, nil
}

// firstLambda is the first step with a λ: never when features were not
// transformed, 0 when nothing recorded tells.
func (r *run) firstLambda() (at int, err error) {
	for _, name := range []string{"lambda_pos", "lambda_neg"} {
		if !r.has(name) {
			continue
		}
		if at == 0 {
			at = never
		}
		bins, err := r.Curve(name, r.first, r.last, r.last-r.first+1)
		if err != nil {
			return 0, err
		}
		if len(bins) > 0 {
			at = min(at, bins[0].Step)
		}
	}
	return at, nil
}

// inLegend reports whether a legend may tell runs apart by an option: it says something
// about what was trained, and is not part of what transformation says.
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

// concerns reports whether an option means anything to the run: those of the feature
// transformation do only where there is one.
func (r *run) concerns(option string) bool {
	f, _ := config.Lookup(option)
	return r.config["mixnorm"] == "true" || f.Group != config.GroupTransformation
}

// label names runs by the options in which they differ, else by their folders.
func label(runs []*run) {
	keys := map[string]bool{}
	for _, r := range runs {
		for k := range r.config {
			keys[k] = true
		}
	}
	var differ []string
	for k := range keys {
		if !inLegend(k) {
			continue
		}
		concerned := slices.DeleteFunc(slices.Clone(runs), func(r *run) bool { return !r.concerns(k) })
		if slices.ContainsFunc(concerned, func(r *run) bool { return r.config[k] != concerned[0].config[k] }) {
			differ = append(differ, k)
		}
	}
	sort.Strings(differ)
	transformed := slices.ContainsFunc(runs, func(r *run) bool { return r.transformation() != runs[0].transformation() })
	seen := map[string]int{}
	for _, r := range runs {
		var parts []string
		if transformed && r.config != nil {
			parts = append(parts, r.transformation())
		}
		for _, k := range differ {
			if !r.concerns(k) {
				continue
			}
			name, value := symbol(k), r.config[k]
			if value == "" {
				value = "default"
			}
			parts = append(parts, name+" = "+value)
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

// transformation is the run's feature transformation in a word.
func (r *run) transformation() string {
	if r.config["mixnorm"] != "true" {
		return "no FT"
	}
	return "FT " + r.config["mixnorm_target"]
}

// accuracy is the run's last k-NN or else linear top-1 from results.jsonl, as a
// legend shows it; empty when it was not judged.
func (r *run) accuracy() string {
	b, err := os.ReadFile(filepath.Join(r.dir, "results.jsonl"))
	if err != nil {
		return ""
	}
	last := map[string]string{}
	for line := range bytes.Lines(b) {
		var result struct {
			Protocol string
			Metrics  map[string]any
		}
		if json.Unmarshal(line, &result) != nil {
			continue // a line that a crash cut off
		}
		if top, ok := result.Metrics["top1"].(float64); ok {
			last[result.Protocol] = fmt.Sprintf("%.1f %%", top)
		}
	}
	if v, ok := last["knn"]; ok {
		return "k-NN " + v
	}
	if v, ok := last["linear"]; ok {
		return "linear " + v
	}
	return ""
}

// curve is a series in at most points bins.
func (r *run) curve(series string, points int) ([]record.Bin, error) {
	return r.Curve(series, r.first, r.last, points)
}
