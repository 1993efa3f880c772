package study

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"contralens/config"
	"contralens/internal/humanize"
	"contralens/study/jobs"
)

// Cell is a training of a study with its evaluations: an arm in a setting with a seed.
type Cell struct {
	Name    string // of its run directory
	Arm     int
	Setting int // index into the settings of the arm
	Round   int // of tuning, from 1; 0: the cell counts
	Epochs  int // of the round, 0: those of the arm
	Seed    uint64
}

// Validates reports whether the cell is judged on the validation split.
func (c Cell) Validates() bool { return c.Round > 0 }

// Folders of a study.
const (
	RunsDir   = "runs"  // run directories
	EventsDir = "tb"    // TensorBoard's events
	StateDir  = "cells" // outcomes and locks
)

// CellOptions returns the options of a cell that come after those of its arm. dir is the folder
// of the study.
func (s *Study) CellOptions(dir string, c Cell) []Option {
	options := slices.Clone(s.Arms[c.Arm].settings[c.Setting])
	if c.Epochs > 0 {
		options = append(options, Option{Name: "epochs", Value: strconv.Itoa(c.Epochs)})
	}
	if c.Validates() {
		options = append(options, Option{Name: "split", Value: "validation"})
	}
	return append(options, Option{Name: "seed", Value: strconv.FormatUint(c.Seed, 10)},
		Option{Name: "model_path", Value: filepath.Join(dir, RunsDir)},
		Option{Name: "tb_path", Value: filepath.Join(dir, EventsDir)}, Option{Name: "name", Value: c.Name})
}

// Training returns the resolved options of a cell and notes about them.
func (s *Study) Training(dir string, c Cell) (config.Contrast, []string, error) {
	return s.Contrast(c.Arm, s.CellOptions(dir, c)...)
}

// Command returns the command line that trains a cell alone.
func (s *Study) Command(dir string, c Cell) []string {
	words := []string{"contralens", "contrast"}
	all := slices.Concat(s.common(), s.Arms[c.Arm].Options, s.CellOptions(dir, c))
	if s.Recipe != "" {
		words = append(words, "--config="+s.Recipe)
	} else if !slices.ContainsFunc(all, func(o Option) bool { return o.Name == "method" }) {
		words = append(words, "--method=Customize") // or else defaults would suit the images
	}
	var first []Option
	for _, name := range slices.Sorted(maps.Keys(defaults)) {
		if _, given := s.recipe[name]; !given {
			first = append(first, Option{Name: name, Value: defaults[name]})
		}
	}
	all = append(first, all...)
	last := map[string]int{}
	for i, o := range all {
		last[strings.ReplaceAll(o.Name, "-", "_")] = i
	}
	for _, i := range slices.Sorted(maps.Values(last)) {
		words = append(words, "--"+all[i].Name+"="+all[i].Value)
	}
	return words
}

// ProgramLine returns the command line of a program that trains a cell: words in braces are
// replaced by options, and {dir} by the run directory, where the program writes current.pth.
func (s *Study) ProgramLine(dir string, c Cell) ([]string, error) {
	options, _, err := s.Training(dir, c)
	if err != nil {
		return nil, err
	}
	pairs := []string{"{dir}", filepath.Join(dir, RunsDir, c.Name)}
	for name, value := range config.Values(&options) {
		pairs = append(pairs, "{"+name+"}", value)
	}
	var words []string
	for _, w := range s.Arms[c.Arm].Program {
		for _, name := range inBraces.FindAllString(w, -1) {
			if !slices.Contains(pairs, name) {
				a := s.Arms[c.Arm]
				return nil, s.at(a.line, fmt.Errorf("arm %s: program: want {dir} or an option of contrast such as {epochs} in "+
					"braces, got %s", a.Name, name))
			}
		}
		words = append(words, strings.NewReplacer(pairs...).Replace(w))
	}
	return words, nil
}

// inBraces matches what looks like an option in braces.
var inBraces = regexp.MustCompile(`\{\w*\}`)

// slug makes a name of a folder of any name.
func slug(name string) string {
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune("._+=,-", r) || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, name)
	if name = strings.TrimLeft(name, "-."); name == "" {
		return "arm"
	}
	return name
}

// Cells returns the cells that are known, in the order of their execution, given the outcomes
// of those that are done. Tuning makes new cells known when a round is done. All processes that
// share a study compute the same.
func (s *Study) Cells(done map[string]jobs.Outcome) (all []Cell) {
	t := s.Tuning
	if t == nil {
		return s.finals(make([]int, len(s.Arms)))
	}
	chosen := make([]int, len(s.Arms))
	for i := range s.Arms {
		cells, setting := s.tune(i, done)
		all = append(all, cells...)
		chosen[i] = setting
	}
	return append(all, s.finals(chosen)...)
}

// finals returns the cells that count, seed by seed, so that differences are known early. An
// arm whose setting is negative has none yet.
func (s *Study) finals(setting []int) (all []Cell) {
	for _, seed := range s.Seeds {
		for i, a := range s.Arms {
			if setting[i] >= 0 {
				name := fmt.Sprintf("%s_seed-%d", slug(a.Name), seed)
				all = append(all, Cell{Name: name, Arm: i, Setting: setting[i], Seed: seed})
			}
		}
	}
	return all
}

// tune returns the tuning cells of an arm that are known, and the setting that was chosen: -1
// if it is not known yet, or if all settings failed.
func (s *Study) tune(arm int, done map[string]jobs.Outcome) (all []Cell, setting int) {
	t := s.Tuning
	left := make([]int, len(s.Arms[arm].settings))
	for i := range left {
		left[i] = i
	}
	epochs := t.Epochs
	if len(epochs) == 0 {
		epochs = []int{0}
	}
	for round, e := range epochs {
		var cells []Cell
		for _, i := range left {
			for _, seed := range t.Seeds {
				cells = append(cells, Cell{
					Name: s.trialName(arm, i, e, seed), Arm: arm, Setting: i, Round: round + 1, Epochs: e, Seed: seed,
				})
			}
		}
		all = append(all, cells...)
		ranked, known := s.rank(cells, done)
		if !known {
			return all, -1
		}
		if len(ranked) == 0 {
			return all, -1
		}
		keep := 1
		if round+1 < len(epochs) {
			keep = survivors(len(left), e, epochs[round+1])
		}
		left = ranked[:min(keep, len(ranked))]
		slices.Sort(left)
	}
	return all, left[0]
}

// survivors returns how many of n settings go on to a round of more epochs: as many as make it
// no more expensive than the round before (successive halving, Jamieson & Talwalkar, 2016).
func survivors(n, epochs, next int) int { return max(1, n*epochs/next) }

// trial is what follows the name of an arm in those of its trials.
const trial = "_try-"

func (s *Study) trialName(arm, setting, epochs int, seed uint64) string {
	name := fmt.Sprintf("%s%s%d", slug(s.Arms[arm].Name), trial, setting+1)
	if epochs > 0 {
		name += fmt.Sprintf("_epochs-%d", epochs)
	}
	return fmt.Sprintf("%s_seed-%d", name, seed)
}

// rank returns the settings of a round from the best to the worst mean; of equal ones the first
// comes first. Those that failed are left out. known is false if a cell is not done.
func (s *Study) rank(cells []Cell, done map[string]jobs.Outcome) (settings []int, known bool) {
	sum, failed := map[int]float64{}, map[int]bool{}
	for _, c := range cells {
		o, ok := done[c.Name]
		if !ok {
			return nil, false
		}
		v, judged := o.Scores[s.Tuning.By]
		sum[c.Setting] += v
		if o.Failed() || !judged {
			failed[c.Setting] = true
		}
	}
	for i := range sum {
		if !failed[i] {
			settings = append(settings, i)
		}
	}
	slices.SortFunc(settings, func(a, b int) int {
		switch {
		case sum[a] > sum[b]:
			return -1
		case sum[a] < sum[b]:
			return 1
		}
		return a - b
	})
	return settings, true
}

// draw returns n of the settings, the same ones for the same list, in their order.
func draw(settings [][]Option, n int) (some [][]Option) {
	at := rand.New(rand.NewPCG(1, 1)).Perm(len(settings))[:n]
	slices.Sort(at)
	for _, i := range at {
		some = append(some, settings[i])
	}
	return some
}

// Planned returns all cells that the study will have. Of cells whose setting tuning chooses
// later, Setting is -1 and the name says so.
func (s *Study) Planned(done map[string]jobs.Outcome) (all []Cell) {
	supposed := map[string]jobs.Outcome{}
	for { // each round makes more cells known, until all are
		cells := s.Cells(supposed)
		more := false
		for _, c := range cells {
			if _, ok := supposed[c.Name]; !ok {
				more = true
				supposed[c.Name] = s.suppose(c, done)
			}
		}
		if !more {
			all = cells
			break
		}
	}
	known := map[string]bool{}
	for _, c := range s.Cells(done) {
		known[c.Name] = true
	}
	for i := range all {
		if !known[all[i].Name] {
			all[i].Setting = -1
		}
	}
	return all
}

// suppose returns the outcome that a cell is supposed to have: its own if it is known.
func (s *Study) suppose(c Cell, done map[string]jobs.Outcome) jobs.Outcome {
	o, ok := done[c.Name]
	if !ok && s.Tuning != nil {
		o.Scores = map[string]float64{s.Tuning.By: -1 - float64(c.Setting)}
	}
	return o
}

// Summary describes the study in a sentence.
func (s *Study) Summary() string {
	text := fmt.Sprintf("%s × %s", humanize.Count(len(s.Arms), "arm"), humanize.Count(len(s.Seeds), "seed"))
	if t := s.Tuning; t != nil {
		text += fmt.Sprintf(", each arm tuned with %s by %s", humanize.Count(len(s.Arms[0].settings), "setting"), t.Search)
	}
	measures := strings.Join(s.Measures(), ", ")
	return fmt.Sprintf("%s; evaluated by %s; baseline: %s", text, measures, s.Arms[s.Baseline].Name)
}

// About says what a cell is, in addition to its name.
func (s *Study) About(c Cell) string {
	switch {
	case c.Setting < 0 && c.Round > 1:
		return ": a setting that the round before chooses"
	case c.Setting < 0:
		return ": the setting that tuning chooses"
	case s.Tuning == nil:
		return ""
	}
	return ": " + describe(s.Arms[c.Arm].settings[c.Setting])
}
