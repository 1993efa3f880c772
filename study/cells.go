package study

import (
	"fmt"
	"maps"
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
	options, notes, err := s.Contrast(c.Arm, s.CellOptions(dir, c)...)
	if missing := s.notPassed(s.Arms[c.Arm]); err == nil && len(missing) > 0 {
		notes = append(notes, fmt.Sprintf("the program of arm %s is not told %s: they are not in braces in its command "+
			"line, so it must do the same by itself", s.Arms[c.Arm].Name, strings.Join(missing, ", ")))
	}
	return options, notes, err
}

// Notes returns the notes about the trainings of an arm, with the settings in which it is tuned where not all have
// them.
func (s *Study) Notes(dir string, arm int) (all []string) {
	a, in := s.Arms[arm], map[string][]string{}
	if a.Untrained {
		return nil
	}
	var order []string
	for i, setting := range a.settings {
		_, notes, _ := s.Training(dir, Cell{Arm: arm, Setting: i, Seed: s.Seeds[0]}) // it was checked when it was read
		for _, n := range notes {
			if in[n] == nil {
				order = append(order, n)
			}
			in[n] = append(in[n], describe(setting))
		}
	}
	for _, n := range order {
		which := ""
		if len(in[n]) < len(a.settings) {
			which = fmt.Sprintf(" with %s", strings.Join(in[n], " or "))
		}
		all = append(all, fmt.Sprintf("arm %s%s: %s", a.Name, which, n))
	}
	return all
}

// Outdated reports whether an outcome is that of another setting than tuning chooses now, as when a setting that
// had failed was tried again and is chosen. The settings that tuning tries never change; see CheckDrawn.
func (s *Study) Outdated(c Cell, o jobs.Outcome) bool { return c.Round == 0 && s.another(c, o) }

// another reports whether an outcome is known to be that of another setting than the cell has.
func (s *Study) another(c Cell, o jobs.Outcome) bool {
	return c.Setting >= 0 && o.Setting != "" && o.Setting != s.SettingOf(c)
}

// CheckDrawn returns an error if outcomes are those of another version, which drew other settings for the same
// cells: going on would mix both.
func (s *Study) CheckDrawn(dir string, done map[string]jobs.Outcome) error {
	refuse := func(c Cell, o jobs.Outcome, was, now string) error {
		version := "that version"
		if o.Commit != "" {
			version = "that of commit " + o.Commit
		}
		return fmt.Errorf("%s: want the folder of this study, but another version of the program drew other settings "+
			"for its tuning (%s has %s, now it is %s); choose another folder (-o), or use %s; the tables there stay as they are",
			dir, c.Name, was, now, version)
	}
	for _, c := range s.Cells(done) {
		o := done[c.Name]
		switch {
		case c.Setting < 0:
			continue
		case o.Setting != "": // newer outcomes know their setting
			if c.Round > 0 && s.another(c, o) {
				return refuse(c, o, o.Setting, s.SettingOf(c))
			}
			continue
		}
		for _, option := range s.Arms[c.Arm].settings[c.Setting] {
			for _, word := range slices.Concat(o.Commands...) {
				if value, ok := strings.CutPrefix(word, "--"+option.Name+"="); ok && value != option.Value {
					return refuse(c, o, option.Name+" "+value, option.Value)
				}
			}
		}
	}
	return nil
}

// Commits returns the commits that programs were built from which made outcomes, as far as they are known.
func Commits(done map[string]jobs.Outcome) (all []string) {
	for _, o := range done {
		if o.Commit != "" && !slices.Contains(all, o.Commit) {
			all = append(all, o.Commit)
		}
	}
	slices.Sort(all)
	return all
}

// Tuned returns the names of the options that tuning sets in a cell.
func (s *Study) Tuned(c Cell) (names []string) {
	for _, o := range s.Arms[c.Arm].settings[c.Setting] {
		names = append(names, official(o.Name))
	}
	return names
}

// SettingOf describes what tuning chose for a cell; "" without tuning.
func (s *Study) SettingOf(c Cell) string { return describe(s.Arms[c.Arm].settings[c.Setting]) }

// Command returns the command line that trains a cell alone.
func (s *Study) Command(dir string, c Cell) []string {
	words := []string{"contralens", "contrast"}
	all := slices.Concat(s.common(), s.Arms[c.Arm].Options, s.CellOptions(dir, c))
	if s.Recipe != "" {
		recipe := s.Recipe
		if s.own { // its file may change
			recipe = filepath.Join(dir, recipeFile)
		}
		words = append(words, "--config="+recipe)
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
	if c, _, err := s.Training(dir, c); err == nil && c.Precision == "fp32" {
		all = append(all, Option{Name: "precision", Value: c.Precision})
	}
	last := map[string]int{}
	for i, o := range all {
		last[strings.ReplaceAll(o.Name, "-", "_")] = i
	}
	for _, i := range slices.Sorted(maps.Values(last)) {
		words = append(words, "--"+all[i].Name+"="+all[i].Value)
	}
	return words
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

// Planned returns all cells that the study will have. Of cells whose setting tuning chooses
// later, Setting is -1, and in names of trials ?1, ?2 … stand for its number.
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
	open := map[string]int{} // by arm, round and seed
	for i := range all {
		c := &all[i]
		if known[c.Name] {
			continue
		}
		if _, ended := done[c.Name]; c.Validates() && !ended {
			key := fmt.Sprint(c.Arm, c.Round, c.Seed)
			open[key]++
			c.Name = s.trialName(c.Arm, fmt.Sprintf("?%d", open[key]), c.Epochs, c.Seed)
		}
		c.Setting = -1
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
