package study

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"contralens/config"
)

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

// passed returns the options that the command line of a program has.
func (a Arm) passed() map[string]bool {
	passed := map[string]bool{}
	for _, w := range a.Program {
		for _, name := range inBraces.FindAllString(w, -1) {
			passed[official(strings.Trim(name, "{}"))] = true
		}
	}
	return passed
}

// notPassed returns the options of all arms, those of the recipe included, that the command line of a program does not
// have.
func (s *Study) notPassed(a Arm) (names []string) {
	if a.Program == nil {
		return nil
	}
	passed := a.passed()
	var given []string
	for _, o := range s.Options {
		given = append(given, o.Name)
	}
	for _, name := range append(given, slices.Sorted(maps.Keys(s.recipe))...) {
		f, ok := config.Lookup(name)
		if ok && !passed[f.Name] && !f.Runtime && !f.Ignored && !slices.Contains(names, f.Name) {
			names = append(names, f.Name)
		}
	}
	return names
}

// checkProgram refuses a program that does not learn what the study varies: it knows its command line alone.
func (p *parser) checkProgram(arm int) error {
	a := p.Arms[arm]
	if a.Program == nil || a.Untrained {
		return nil
	}
	if _, err := p.ProgramLine("", Cell{Arm: arm, Seed: p.Seeds[0]}); err != nil {
		return err
	}
	passed := a.passed()
	if tuned := p.Tuning != nil && len(p.Tuning.Seeds) > 1; (tuned || len(p.Seeds) > 1) && !passed["seed"] {
		return p.at(a.line, fmt.Errorf("arm %s: program: want {seed} in its command line, because the study has several "+
			"seeds", a.Name))
	}
	for _, o := range a.Options {
		name := official(o.Name)
		if f, _ := config.Lookup(name); f.Auto && o.Value == "auto" {
			return p.at(o.line, fmt.Errorf("arm %s: %s: want a number, which {%s} tells the program", a.Name, name, name))
		}
		if !passed[name] && !slices.Contains(network, name) && name != "data_folder" && name != "dataset" {
			return p.at(o.line, fmt.Errorf("arm %s: program: want {%s} in its command line: otherwise the program does not "+
				"know the option", a.Name, name))
		}
	}
	axes := a.Tune
	if p.Tuning != nil {
		axes = slices.Concat(p.Tuning.Options, a.Tune)
	}
	for _, axis := range axes {
		if name := official(axis.Option); !passed[name] {
			return p.at(a.line, fmt.Errorf("arm %s: program: want {%s} in its command line, because it is tuned", a.Name, name))
		}
	}
	return p.checkProgramTuning(a, passed)
}

// checkProgramTuning refuses a tuned program that is not told the split of the images, or the epochs of a round.
func (p *parser) checkProgramTuning(a Arm, passed map[string]bool) error {
	switch {
	case p.Tuning == nil:
		return nil
	case !passed["split"]:
		return p.at(a.line, fmt.Errorf("arm %s: program: want {split} in its command line, because tuning is judged on a "+
			"tenth of the training images, on which nothing may be trained: the program must leave them out when it is given "+
			"%q (docs/evaluation.md says which they are)", a.Name, "validation"))
	case len(p.Tuning.Epochs) > 0 && !passed["epochs"]:
		return p.at(a.line, fmt.Errorf("arm %s: program: want {epochs} in its command line, because rounds of tuning have "+
			"epochs of their own", a.Name))
	}
	return nil
}
