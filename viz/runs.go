package viz

import (
	"fmt"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"contralens/rundir"
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
	onset       int // step at which the feature transformation sets in, or rundir.NotYet; 0: from the beginning or not at all
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

// symbols are short names of options in legends.
var symbols = map[string]string{"nce_t": "τ", "alpha": "m", "nce_k": "K", "learning_rate": "lr", "batch_size": "batch", "pos_alpha": "α pos", "neg_alpha": "α neg", "data_folder": "data"}

// silent are options that say nothing about what was trained.
var silent = []string{"name", "model_path", "tb_path", "resume", "overwrite", "print_freq", "save_freq", "num_workers", "threads", "knn_every", "record", "probe", "save_score", "max_bad", "ft",
	"mixnorm", "mixnorm_target", "sep_alpha", "expolation_mask", "mask_distribution", "world_size", "rank", "dist_url", "dist_backend", "multiprocessing_distributed", "gpu", "device", "serve", "precision", "amp", "opt_level", "aug_linear"}

// transforming are options that only concern runs with feature transformation.
var transforming = []string{"mix_start_epoch", "mix_start_step", "mix_start", "pos_alpha", "neg_alpha", "beta_alpha", "dim_mask", "norm_target", "postmix_norm"}

// concerns reports whether an option means anything to the run.
func (r *run) concerns(option string) bool {
	return r.config["mixnorm"] == "true" || !slices.Contains(transforming, option)
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
		if slices.Contains(silent, strings.ReplaceAll(k, "-", "_")) {
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
			name, value := k, r.config[k]
			if s, ok := symbols[k]; ok {
				name = s
			}
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
// legend shows it; empty when it was not evaluated.
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

// curve is a series in at most points bins.
func (r *run) curve(series string, points int) ([]record.Bin, error) {
	return r.Curve(series, r.first, r.last, points)
}
