package study

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"contralens/config"
	"contralens/internal/humanize"
)

// reserved are the options of contrast that a study sets itself, with the reason.
var reserved = map[string]string{
	"seed": "seeds are a key of the study", "split": "tuning is judged on a validation split, results on test images",
	"name": "a study names its trainings", "model_path": "trainings lie in the folder of the study",
	"tb_path": "trainings lie in the folder of the study", "resume": "a study resumes its trainings",
	"overwrite": "a study resumes its trainings", "exp_iter": "seeds are a key of the study",
}

// whyReserved returns why an option cannot be set in a study; "" if it can.
func whyReserved(name string) (why string) {
	if config.Find(config.Fields(&config.Dist{}), name) != nil {
		return "each training of a study has one process; to divide the trainings, start the study several times"
	}
	return reserved[name]
}

// setInEveryCell are those of which every training of a study has a value of its own, so that one in a recipe does
// no harm.
var setInEveryCell = map[string]bool{"seed": true, "name": true, "model_path": true, "tb_path": true}

// check refuses what cannot be compared. It resolves every training.
func (p *parser) check() error {
	if err := p.checkOptions(); err != nil {
		return err
	}
	if err := p.checkTuning(); err != nil {
		return err
	}
	if err := p.makeSettings(); err != nil {
		return err
	}
	if err := p.checkArms(); err != nil {
		return err
	}
	if err := p.checkUntrained(); err != nil {
		return err
	}
	if err := p.checkBudget(); err != nil {
		return err
	}
	return p.checkEvaluations()
}

// checkOptions refuses options that contrast does not have and those that a study sets.
func (p *parser) checkOptions() error {
	c := config.DefaultContrast()
	fields := config.Fields(&c)
	option := func(where, name string, line int) error {
		f := config.Find(fields, name)
		switch {
		case f == nil:
			return p.at(line, fmt.Errorf("%s: contrast has no option %q%s", where, name, nearestOption(fields, name)))
		case whyReserved(f.Name) != "":
			return p.at(line, fmt.Errorf("%s: %s cannot be set here: %s", where, f.Name, whyReserved(f.Name)))
		case f.Ignored:
			return p.at(line, fmt.Errorf("%s: contrast accepts %s and does not read it: remove it", where, f.Name))
		}
		return nil
	}
	all := func(where string, options []Option) error {
		typed := map[string]string{}
		for _, o := range options {
			if err := option(where, o.Name, o.line); err != nil {
				return err
			}
			name := official(o.Name)
			if other, twice := typed[name]; twice {
				return p.at(o.line, fmt.Errorf("%s: %s and %s are the same option: remove one", where, other, o.Name))
			}
			typed[name] = o.Name
		}
		return nil
	}
	if err := all("options", p.Options); err != nil {
		return err
	}
	for _, a := range p.Arms {
		if err := all("arm "+a.Name, a.Options); err != nil {
			return err
		}
		for _, o := range a.Tune {
			if err := option("tune of arm "+a.Name, o.Option, o.line); err != nil {
				return err
			}
		}
	}
	if p.Tuning == nil {
		return nil
	}
	for _, o := range p.Tuning.Options {
		if err := option("tuning", o.Option, o.line); err != nil {
			return err
		}
		if official(o.Option) == "epochs" {
			return p.at(o.line, errors.New("tuning: epochs cannot be tuned, because all trainings of tuning have the same "+
				"budget: epochs is a key beside options"))
		}
	}
	for _, seed := range p.Tuning.Seeds {
		if slices.Contains(p.Seeds, seed) {
			return p.at(p.Tuning.line, fmt.Errorf("tuning: want seeds of its own, but %d is one of the seeds of the results",
				seed))
		}
	}
	return nil
}

// official returns the name of an option of contrast that was typed in any way, such as lr for
// learning_rate.
func official(name string) string {
	if f, ok := config.Lookup(name); ok {
		return f.Name
	}
	return name
}

// nearestOption returns a hint at the option that may have been meant, or "".
func nearestOption(fields []config.Field, name string) string {
	var names []string
	for _, f := range fields {
		if !f.Ignored && !f.Hidden {
			names = append(names, f.Name)
		}
	}
	if near := config.Nearest(name, names); near != "" && near != name {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

// checkTuning refuses a budget that makes no sense by itself.
func (p *parser) checkTuning() error {
	t := p.Tuning
	if t == nil {
		for _, a := range p.Arms {
			if len(a.Tune) > 0 {
				return p.at(a.Tune[0].line, fmt.Errorf("arm %s: tune needs the key tuning of the study, which gives every arm "+
					"the same budget; found none", a.Name))
			}
		}
		return nil
	}
	for i, e := range t.Epochs[min(1, len(t.Epochs)):] {
		if e <= t.Epochs[i] {
			return p.at(t.line, fmt.Errorf("tuning: want epochs in rising order, got %v", t.Epochs))
		}
	}
	switch {
	case !slices.Contains(Searches, t.Search):
		return p.at(t.line, fmt.Errorf("tuning: search: want %s, got %q", strings.Join(Searches, " or "), t.Search))
	case t.Search == "halving" && len(t.Epochs) < 2:
		return p.at(t.line, fmt.Errorf("tuning: halving wants the epochs of at least two rounds, such as "+
			"epochs: [5, 10], got %v", t.Epochs))
	case t.Search == "grid" && len(t.Epochs) > 1:
		return p.at(t.line, fmt.Errorf("tuning: a grid has one round, got the epochs of %d; several are for search: halving",
			len(t.Epochs)))
	case !slices.Contains(p.Measures(), t.By) || !isAccuracy(t.By):
		accuracies := slices.DeleteFunc(p.Measures(), func(m string) bool { return !isAccuracy(m) })
		if len(accuracies) == 0 {
			return p.at(t.line, errors.New("tuning: want an accuracy among the evaluations, such as knn, by which settings are "+
				"chosen, found none"))
		}
		return p.at(t.line, fmt.Errorf("tuning: by: want an accuracy of the evaluations (%s), got %q",
			strings.Join(accuracies, ", "), t.By))
	}
	return nil
}

// checkArms resolves all trainings, and refuses arms and settings that are equal.
func (p *parser) checkArms() error {
	arms, folders := map[string]string{}, map[string]string{}
	for i, a := range p.Arms {
		if n := len(slug(a.Name)); n > longestName {
			return p.at(a.line, fmt.Errorf("arm %s: want a name of at most %d bytes, because it names folders, got %d", a.Name,
				longestName, n))
		}
		for folder, other := range folders {
			if folder == slug(a.Name) || p.Tuning != nil &&
				(strings.HasPrefix(folder, slug(a.Name)+trial) || strings.HasPrefix(slug(a.Name), folder+trial)) {
				return p.at(a.line, fmt.Errorf("arms %s and %s have folders of the same name, %s: they keep only ASCII "+
					"letters, digits and some punctuation; rename one", other, a.Name, slug(a.Name)))
			}
		}
		folders[slug(a.Name)] = a.Name
		if err := p.checkProgram(i); err != nil {
			return err
		}
		settings, late := map[string]int{}, ""
		for j, options := range a.settings {
			c, notes, err := p.Contrast(i, options...)
			if err != nil {
				return p.wrong(a, options, err)
			}
			if err := p.overridden(a, notes); err != nil {
				return err
			}
			facts := fingerprint(&c) + fmt.Sprint(a.Untrained)
			if a.Program != nil {
				line, err := p.ProgramLine("", Cell{Arm: i, Setting: j, Seed: p.Seeds[0]})
				if err != nil {
					return err
				}
				facts = strings.Join(line, "\x00") // it knows nothing else
			}
			if first, ok := settings[facts]; ok {
				return p.at(a.line, fmt.Errorf("arm %s: the settings %s and %s are the same training: want values that differ "+
					"and have an effect%s", a.Name, describe(a.settings[first]), describe(options), preset(c, options)))
			}
			settings[facts] = j
			late = lateStart(&c)
		}
		facts := strings.Join(slices.Sorted(maps.Keys(settings)), "\x00")
		if other, ok := arms[facts]; ok {
			return p.at(a.line, fmt.Errorf("arm %s is the same training as arm %s: want arms that differ in an option "+
				"that has an effect%s", a.Name, other, late))
		}
		arms[facts] = a.Name
		if err := p.checkRounds(i); err != nil {
			return err
		}
	}
	return nil
}

// longestName is the largest number of bytes of an arm's name in names of files, which have 255 in all.
const longestName = 180

// lateStart returns a hint if something would start after the training has ended.
func lateStart(c *config.Contrast) string {
	longer := *c
	longer.Epochs = math.MaxInt
	if why, is := notBegun(&longer, c); is {
		return fmt.Sprintf("; the training has %s, and %s", humanize.Count(c.Epochs, "epoch"), why)
	}
	return ""
}

// preset returns a hint if a method sets one of the options.
func preset(c config.Contrast, options []Option) string {
	_, sets := config.Methods[c.Method]
	for _, o := range options {
		if f, _ := config.Lookup(o.Name); sets && f.Preset {
			return fmt.Sprintf("; the method %s sets %s: use method: Customize", c.Method, o.Name)
		}
	}
	return ""
}

// overridden returns an error if notes about the training of an arm say that a method or a shorthand overrides one of
// the arm's own options: the arm would not be what it says.
func (p *parser) overridden(a Arm, notes []string) error {
	for _, o := range a.Options {
		for _, n := range notes {
			if strings.HasPrefix(n, "--"+official(o.Name)+" ") && strings.Contains(n, "is overridden by") {
				return p.at(o.line, fmt.Errorf("arm %s: %s", a.Name, n))
			}
		}
	}
	return nil
}

// wrong names the arm and the place of an error about its options.
func (p *parser) wrong(a Arm, options []Option, err error) error {
	if strings.HasPrefix(err.Error(), p.File+", line") {
		return err
	}
	if len(options) > 0 {
		err = fmt.Errorf("with %s: %w", describe(options), err)
	}
	return p.at(a.line, fmt.Errorf("arm %s: %w", a.Name, err))
}

// fingerprint has all options on which results depend.
func fingerprint(c *config.Contrast) string {
	var b strings.Builder
	idle := c.Idle()
	for _, f := range config.Fields(c) {
		if _, none := idle[f.Name]; none || f.Group == config.GroupTransformation && !c.Transforms() {
			continue
		}
		if strings.HasPrefix(f.Name, "synthetic") && !c.Synthesizes() {
			continue
		}
		if !f.Ignored && (!f.Runtime || f.Name == "data_folder") {
			fmt.Fprintf(&b, "%s=%s\n", f.Name, f)
		}
	}
	return b.String()
}

// checkBudget refuses a tuning budget that differs between arms.
func (p *parser) checkBudget() error {
	t := p.Tuning
	if t == nil {
		return nil
	}
	first := p.Arms[0]
	var cost string
	for i, a := range p.Arms {
		if t.Trials > len(a.settings) {
			return p.at(a.line, fmt.Errorf("arm %s: want at least %d settings, because tuning has trials: %d, got %d; "+
				"give more values, or fewer trials", a.Name, t.Trials, t.Trials, len(a.settings)))
		}
		if len(a.settings) < 2 {
			return p.at(t.line, fmt.Errorf("tuning: want at least two settings to choose from, got %d for arm %s",
				len(a.settings), a.Name))
		}
		if len(a.settings) != len(first.settings) {
			return p.at(a.line, fmt.Errorf("the tuning budgets of arms cannot be equal: %s has %d settings and %s has %d; "+
				"give trials: %d to try as many of each", first.Name, len(first.settings), a.Name, len(a.settings),
				min(len(first.settings), len(a.settings))))
		}
		for _, options := range a.settings {
			c, _, err := p.Contrast(i, options...)
			if err != nil {
				return err
			}
			epochs := humanize.Count(c.Epochs, "epoch")
			if len(t.Epochs) > 0 {
				epochs = "the same epochs"
			}
			now := fmt.Sprintf("%s on images of %s (limit %d, imbalance %v; 0: all)", epochs, c.DataFolder, c.Limit, c.Imbalance)
			if cost == "" {
				cost = now
			}
			if now != cost {
				return p.at(a.line, fmt.Errorf("the tuning budgets of arms cannot be equal: %s trains %s, and %s trains %s",
					first.Name, cost, a.Name, now))
			}
		}
	}
	return p.checkHalving(len(first.settings))
}

// checkHalving refuses rounds of n settings of which one has nothing to choose from.
func (p *parser) checkHalving(n int) error {
	t := p.Tuning
	for i := 1; i < len(t.Epochs); i++ {
		before, next := t.Epochs[i-1], t.Epochs[i]
		left := survivors(n, before, next)
		if left < 2 {
			return p.at(t.line, fmt.Errorf("tuning: epochs: the round of %s would have %s, to cost no more than that of %s "+
				"with %d: want at least two to choose from; give more settings, or a shorter round", humanize.Count(next, "epoch"),
				humanize.Count(n*before/next, "setting"), humanize.Count(before, "epoch"), n))
		}
		n = left
	}
	return nil
}

// checkEvaluations resolves every evaluation of every arm.
func (p *parser) checkEvaluations() error {
	seen := map[string]bool{}
	for _, e := range p.Evaluations {
		if seen[e.Measure()] {
			return p.at(e.line, fmt.Errorf("evaluations: %s is there twice", e.Measure()))
		}
		seen[e.Measure()] = true
		for i, a := range p.Arms {
			c, _, err := p.Contrast(i, a.settings[0]...)
			if err != nil {
				return err
			}
			if err := p.checkEvaluation(a, c, e); err != nil {
				return p.at(e.line, fmt.Errorf("evaluations: %s of arm %s: %w", e.Protocol, a.Name, err))
			}
		}
	}
	return nil
}

// checkEvaluation resolves an evaluation of the training c of an arm.
func (p *parser) checkEvaluation(a Arm, c config.Contrast, e Evaluation) (err error) {
	switch e.Protocol {
	case Scores:
		if !c.Record && !c.SaveScore && !a.Untrained && a.Program == nil {
			err = errors.New("want record: true, got false")
		}
	case Detect:
		err = p.checkDetection(c, e)
	case Neighbors:
		_, _, err = p.KNN(c, e)
	default:
		_, _, err = p.Linear(c, e)
	}
	return err
}
