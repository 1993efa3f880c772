// Package study compares trainings with error bars: arms that differ in options, each
// trained with several seeds, with settings that are tuned at the same budget for every arm
// and chosen on a validation split. A file describes a study.
//
//	file (parse.go, check.go) → cells (cells.go, tuning.go) → outcomes (package jobs)
//	→ report (report.go, statistics.go) → tables (write.go)
//
// The package knows no tensors. Package runner trains and evaluates the cells, and package
// jobs shares them among processes. A sweep is a study of one grid without evaluations.
package study

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"contralens/config"
)

// Study is a comparison of arms.
type Study struct {
	Title       string
	File        string   // its name, for messages
	Recipe      string   // recipe or file that all arms start from; may be empty
	Options     []Option // of all arms
	Arms        []Arm    // the baseline is one of them
	Baseline    int      // its index
	Seeds       []uint64
	Tuning      *Tuning // nil: options are as they are
	Evaluations []Evaluation

	recipe map[string]string // its options
	own    bool              // they are not those of a ready recipe
	folder string            // with the images, in place of that of the options; "": that
}

// Option is an option of contrast, or of an evaluation, as typed.
type Option struct {
	Name, Value string
	line        int
}

// Arm is one of the things that are compared.
type Arm struct {
	Name    string
	Options []Option
	Tune    []Axis // options that only this arm tunes
	// Program is a command line of another program that trains in place of contrast. Words
	// such as {seed}, {dir} and {epochs} are replaced; see ProgramLine.
	Program []string
	// Untrained is an encoder with random weights: nothing is trained before the evaluations, of
	// which it has those that train the encoder, as detectors do.
	Untrained bool
	line      int

	settings [][]Option // what tuning tries; one empty setting without tuning
}

// Axis is an option and the values that are tried.
type Axis struct {
	Option string
	Values []string
	line   int
}

// Searches are the ways to spend the tuning budget.
var Searches = []string{"grid", "halving"}

// Tuning says how the settings of each arm are chosen before it is compared. Every arm gets
// as many trainings, of as many epochs on as many images, as every other.
type Tuning struct {
	Options []Axis
	Search  string   // one of Searches
	Trials  int      // settings per arm, drawn from all combinations; 0: all
	Seeds   []uint64 // of the trainings that are tried
	Epochs  []int    // of the trainings in each round: one round for grid; empty: those of the study
	By      string   // measure that decides, such as knn
	line    int
}

// Evaluation is how cells are evaluated: protocol knn, linear or fewshot, with options, a
// statistic of the scores in the last epoch, or an average precision of a detector.
type Evaluation struct {
	Protocol string
	Options  []Option
	Labels   int    // of fewshot: labels per class
	Series   string // of scores: the statistic, such as pos_mean; of detect: the precision, such as AP50
	line     int
}

// Labeled reports whether an evaluation needs images with classes.
func (e Evaluation) Labeled() bool { return e.Protocol != Scores && e.Protocol != Detect }

// Measure names what an evaluation gives: the accuracies knn, linear and few-shot-10, and
// statistics such as pos_mean and precisions such as AP50.
func (e Evaluation) Measure() string {
	if e.Protocol == Scores || e.Protocol == Detect {
		return e.Series
	}
	if e.Protocol == fewShot {
		return fmt.Sprintf("few-shot-%d", e.Labels)
	}
	return e.Protocol
}

// Protocols of evaluations.
const (
	Neighbors = "knn" // k-nearest-neighbor classification
	linear    = "linear"
	fewShot   = "fewshot"
	// Scores stands for the statistics of the scores, as the loss sees them, in the last epoch.
	Scores = "scores"
	// Detect stands for the average precisions of a detector that is trained on the encoder.
	Detect = "detect"
)

// statistics are those of Scores.
var statistics = []string{"pos_mean", "pos_var", "neg_mean", "neg_var"}

// isStatistic reports whether a measure is a statistic of scores and not an accuracy.
func isStatistic(measure string) bool { return slices.Contains(statistics, measure) }

// Measures returns the measures of the study, in the order of its file.
func (s *Study) Measures() (all []string) {
	for _, e := range s.Evaluations {
		all = append(all, e.Measure())
	}
	return all
}

// defaults of the trainings of a study: nothing but weights, metrics and scores is kept. A
// file may say otherwise.
var defaults = map[string]string{"probe": "0", "save_freq": "1000000"}

// Contrast returns the resolved options of a training, and notes about them. extra come after
// the options of the arm. An automatic precision is fp32, except on a GPU.
func (s *Study) Contrast(arm int, extra ...Option) (c config.Contrast, notes []string, err error) {
	c = config.DefaultContrast()
	fields, set := config.Fields(&c), map[string]bool{}
	put := func(name, value string) error {
		f := config.Find(fields, name)
		if f == nil {
			return fmt.Errorf("there is no option %q", name)
		}
		if err := f.Set(value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		set[f.Name] = true
		return nil
	}
	for _, values := range []map[string]string{defaults, s.recipe} {
		for _, name := range slices.Sorted(maps.Keys(values)) {
			if err := put(name, values[name]); err != nil {
				return c, nil, fmt.Errorf("recipe %s: %w", s.Recipe, err)
			}
		}
	}
	for _, o := range slices.Concat(s.common(), s.Arms[arm].Options, extra) {
		if err := put(o.Name, o.Value); err != nil {
			return c, nil, s.at(o.line, err)
		}
	}
	notes, err = c.Resolve(set)
	if c.Precision == "auto" && config.GPUPrecision(c.DeviceName()) == "" {
		c.Precision = "fp32" // a measurement could choose another one for the next training
	}
	return c, notes, err
}

// common returns the options of all arms.
func (s *Study) common() []Option {
	if s.folder == "" {
		return s.Options
	}
	return append(slices.Clone(s.Options), Option{Name: "data_folder", Value: s.folder})
}

// at adds the place in the file to an error.
func (s *Study) at(line int, err error) error {
	if line == 0 {
		return err
	}
	return fmt.Errorf("%s, line %d: %w", s.File, line, err)
}

// SetFolder sets the folder with the images of all arms that do not set another one.
func (s *Study) SetFolder(path string) { s.folder = path }

// SetBaseline replaces the arm from which differences are taken.
func (s *Study) SetBaseline(name string) error {
	var names []string
	for i, a := range s.Arms {
		if a.Name == name {
			s.Baseline = i
			return nil
		}
		names = append(names, a.Name)
	}
	return fmt.Errorf("want the name of an arm (%s), got %q", strings.Join(names, ", "), name)
}

// Sets reports whether the arm itself sets an option.
func (a Arm) Sets(option string) bool {
	return slices.ContainsFunc(a.Options, func(o Option) bool { return official(o.Name) == official(option) })
}

// describe writes options as typed, such as "ft posneg, nce_t 0.1".
func describe(options []Option) string {
	var parts []string
	for _, o := range options {
		parts = append(parts, o.Name+" "+o.Value)
	}
	return strings.Join(parts, ", ")
}
