package study

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"

	"contralens/config"
	"contralens/recipes"
)

// Load reads a study from a file, or the ready study of that name, and checks it. It also
// returns the text.
func Load(file string) (*Study, []byte, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		ready, ok := recipes.Study(file)
		switch {
		case ok:
			b = ready
		case !errors.Is(err, fs.ErrNotExist):
			return nil, nil, fmt.Errorf("%s: want the YAML file of a study: %w", file, err)
		default:
			hint := "the ready ones are " + strings.Join(recipes.Studies(), ", ")
			if _, recipe := recipes.Get(file); recipe {
				hint = fmt.Sprintf("%s is a recipe: contralens contrast --config %s", file, file)
			} else if near := config.Nearest(file, recipes.Studies()); near != "" {
				hint = fmt.Sprintf("did you mean %s?", near)
			}
			return nil, nil, fmt.Errorf("%s: want the YAML file of a study or the name of a ready one, found neither; %s",
				file, hint)
		}
	}
	s, err := Parse(file, b)
	return s, b, err
}

// Name returns a name for the study of a file: that of the file without its ending.
func Name(file string) string {
	base := filepath.Base(file)
	return slug(strings.TrimSuffix(base, filepath.Ext(base)))
}

// Parse reads a study from YAML and checks it. Errors name the line; file is its name in them.
func Parse(file string, text []byte) (*Study, error) {
	p, err := read(file, text)
	if err == nil {
		err = p.check()
	}
	if err != nil {
		return nil, err
	}
	return &p.Study, nil
}

// read reads a study and does not compare its arms: another version may have checked a copy by other rules.
func read(file string, text []byte) (*parser, error) {
	p := &parser{Study{File: file}}
	var doc yaml.Node
	if err := config.DecodeYAML(text, &doc); err != nil {
		return nil, fmt.Errorf("%s: want YAML, but %s%s", file, strings.TrimPrefix(err.Error(), "yaml: "), tabbed(text))
	}
	if len(doc.Content) == 0 {
		return nil, fmt.Errorf("%s: want a study with arms and seeds, got an empty file", file)
	}
	if err := p.study(doc.Content[0]); err != nil {
		return nil, err
	}
	if len(p.Evaluations) == 0 {
		p.Evaluations = []Evaluation{{Protocol: Neighbors}}
	}
	if p.Title == "" {
		p.Title = Name(file)
	}
	return p, nil
}

// tabbed returns a hint at the first line that is indented with a tab, or "".
func tabbed(text []byte) string {
	for i, line := range strings.Split(string(text), "\n") {
		indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		if strings.Contains(indent, "\t") {
			return fmt.Sprintf("; line %d is indented with a tab, where YAML wants spaces", i+1)
		}
	}
	return ""
}

func (p *parser) study(n *yaml.Node) error {
	all, err := p.mapping(n, "a study")
	if err != nil {
		return err
	}
	err = p.only(all, "a study", "title", "recipe", "options", "arms", "grid", "baseline", "seeds", "tuning",
		"evaluations")
	if err != nil {
		return err
	}
	baseline := entry{}
	for _, e := range all {
		switch e.key {
		case "title":
			if e.value.Kind != yaml.ScalarNode {
				return p.fail(e.value, "title: want text, got %s", kind(e.value))
			}
			p.Title, err = p.value(e)
		case "recipe":
			err = p.readRecipe(e)
		case "options":
			p.Options, err = p.options(e)
		case "arms":
			err = p.arms(e)
		case "grid":
			err = p.grid(e)
		case "baseline":
			baseline = e
		case "seeds":
			p.Seeds, err = p.seeds(e, 1)
		case "tuning":
			err = p.tuning(e)
		case "evaluations":
			err = p.evaluations(e)
		}
		if err != nil {
			return err
		}
	}
	if len(p.Arms) == 0 {
		return p.fail(n, "a study has arms, or a grid of options; found neither")
	}
	if len(p.Seeds) == 0 {
		return p.fail(n, "a study has seeds, such as seeds: [1, 2, 3]; found none")
	}
	if baseline.value == nil {
		return nil
	}
	name, err := p.value(baseline)
	if err != nil {
		return err
	}
	if err := p.SetBaseline(name); err != nil {
		return p.fail(baseline.value, "baseline: %v", err)
	}
	return nil
}

func (p *parser) readRecipe(e entry) (err error) {
	if p.Recipe, err = p.value(e); err != nil {
		return err
	}
	file := p.findRecipe()
	c := config.DefaultContrast()
	if _, err = config.ReadYAML(file, &c); err == nil {
		p.recipe, err = config.ReadValues(file)
	}
	if err != nil {
		if _, ok := recipes.Study(p.Recipe); ok {
			return p.fail(e.value, "recipe %s: want the options of one training, got a study", p.Recipe)
		}
		hint := ""
		if !isFile(file) {
			hint = "; a study that has begun keeps a copy: contralens study FOLDER/" + CopyFile + " -o FOLDER"
		}
		return p.fail(e.value, "recipe %s%s", strings.TrimPrefix(err.Error(), "--config "), hint)
	}
	ready, err := config.ReadValues(p.Recipe)
	p.own = err != nil || isFile(p.Recipe) || !slices.Contains(recipes.Names(), p.Recipe) || !maps.Equal(ready, p.recipe)
	values, usual := config.Values(&c), config.Values(new(config.DefaultContrast()))
	for _, name := range slices.Sorted(maps.Keys(p.recipe)) {
		name = official(name)
		if why := whyReserved(name); why != "" && !setInEveryCell[name] && values[name] != usual[name] {
			return p.fail(e.value, "recipe %s: want one without %s: %s", p.Recipe, name, why)
		}
	}
	return nil
}

// findRecipe returns the file with the options of the recipe, or the name of a ready one: in the folder of a study the
// copy there, or else the file of that name, here or beside the file of the study.
func (p *parser) findRecipe() string {
	dir := filepath.Dir(p.File)
	beside, copied := filepath.Join(dir, p.Recipe), filepath.Join(dir, recipeFile)
	_, begun := os.Stat(filepath.Join(dir, StateDir))
	switch {
	case filepath.Base(p.File) == CopyFile && isFile(copied) && (begun == nil || isFile(filepath.Join(dir, ReportFile))):
		return copied
	case isFile(p.Recipe), slices.Contains(recipes.Names(), p.Recipe), filepath.IsAbs(p.Recipe), !isFile(beside):
		return p.Recipe
	}
	return beside
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func (p *parser) arms(e entry) error {
	if len(p.Arms) > 0 {
		return p.fail(e.at, "want arms or a grid, got both")
	}
	all, err := p.mapping(e.value, "arms")
	if err != nil {
		return err
	}
	for _, a := range all {
		arm := Arm{Name: a.key, line: a.at.Line}
		if strings.ContainsFunc(a.key, unicode.IsControl) {
			return p.fail(a.at, "arms: want a name on one line, got %q", a.key)
		}
		parts, err := p.mapping(a.value, "arm "+a.key)
		if err != nil {
			return err
		}
		for _, o := range parts {
			switch o.key {
			case "tune":
				arm.Tune, err = p.axes(o)
			case "untrained":
				arm.Untrained, err = p.truth(o)
			case "program":
				var words []string
				if words, err = p.values(o); err == nil && o.value.Kind == yaml.ScalarNode {
					words = strings.Fields(words[0])
				}
				if err == nil && len(words) == 0 {
					err = p.fail(o.at, "arm %s: program: want a command line, got an empty one", a.key)
				}
				arm.Program = words
			default:
				var v string
				v, err = p.value(o)
				arm.Options = append(arm.Options, Option{o.key, v, o.at.Line})
			}
			if err != nil {
				return err
			}
		}
		p.Arms = append(p.Arms, arm)
	}
	return nil
}

// grid makes an arm of each combination of values.
func (p *parser) grid(e entry) error {
	if len(p.Arms) > 0 {
		return p.fail(e.at, "want arms or a grid, got both")
	}
	axes, err := p.axes(e)
	if err != nil {
		return err
	}
	switch n := count(axes); {
	case len(axes) == 0:
		return p.fail(e.at, "grid: want options with values to try, such as alpha: [0.9, 0.99], got none")
	case n > mostArms:
		return p.fail(e.at, "grid: want at most %d combinations, got more: give fewer values", mostArms)
	}
	for _, options := range combinations(axes) {
		p.Arms = append(p.Arms, Arm{Name: armName(options), Options: options, line: e.at.Line})
	}
	return nil
}

// armName names an arm of a grid: "ft=posneg nce_t=0.1".
func armName(options []Option) string {
	var parts []string
	for _, o := range options {
		parts = append(parts, o.Name+"="+o.Value)
	}
	return strings.Join(parts, " ")
}

// mostArms is the largest number of arms that a grid makes, and mostSettings of settings that trials
// are drawn from.
const mostArms, mostSettings = 1000, 100_000

// count returns the number of combinations of the values of axes, or one that is above mostSettings.
func count(axes []Axis) int {
	n := 1
	for _, a := range axes {
		n = min(n*len(a.Values), mostSettings+1)
	}
	return n
}

// combinations returns all combinations of the values of axes; the last axis varies fastest.
func combinations(axes []Axis) [][]Option {
	all := [][]Option{nil}
	for _, a := range axes {
		var next [][]Option
		for _, given := range all {
			for _, v := range a.Values {
				next = append(next, append(given[:len(given):len(given)], Option{a.Option, v, a.line}))
			}
		}
		all = next
	}
	return all
}

func (p *parser) tuning(e entry) error {
	all, err := p.mapping(e.value, "tuning")
	if err != nil {
		return err
	}
	if err := p.only(all, "tuning", "options", "search", "trials", "seeds", "epochs", "by"); err != nil {
		return err
	}
	t := &Tuning{Search: "grid", Seeds: []uint64{firstTuningSeed}, By: Neighbors, line: e.at.Line}
	for _, o := range all {
		var n []uint64
		switch o.key {
		case "options":
			t.Options, err = p.axes(o)
		case "search":
			t.Search, err = p.value(o)
		case "seeds":
			t.Seeds, err = p.seeds(o, firstTuningSeed)
		case "by":
			t.By, err = p.value(o)
		case "trials":
			if n, err = p.numbers(o, 1); err == nil && len(n) > 1 {
				err = p.fail(o.value, "trials: want one number, got %d", len(n))
			} else if err == nil {
				t.Trials = int(n[0])
			}
		case "epochs":
			n, err = p.numbers(o, 1)
			for _, v := range n {
				t.Epochs = append(t.Epochs, int(v))
			}
		}
		if err != nil {
			return err
		}
	}
	p.Tuning = t
	return nil
}

// firstTuningSeed is the first seed of trainings that are tried, apart from those that count.
const firstTuningSeed = 1001

func (p *parser) evaluations(e entry) error {
	all, err := p.mapping(e.value, "evaluations")
	if err != nil {
		return err
	}
	if err := p.only(all, "evaluations", Neighbors, linear, fewShot, Scores, Detect); err != nil {
		return err
	}
	for _, o := range all {
		v := Evaluation{Protocol: o.key, line: o.at.Line}
		if v.Options, err = p.options(o); err != nil {
			return err
		}
		switch {
		case o.key == Scores && len(v.Options) > 0:
			return p.fail(o.value, "scores has no options, got %s", v.Options[0].Name)
		case o.key == Scores:
			for _, series := range statistics {
				v.Series = series
				p.Evaluations = append(p.Evaluations, v)
			}
		case o.key == Detect:
			if err := p.detections(v); err != nil {
				return err
			}
		case o.key == fewShot:
			if err := p.fewShots(o, v); err != nil {
				return err
			}
		default:
			p.Evaluations = append(p.Evaluations, v)
		}
	}
	return nil
}

// fewShots adds an evaluation for each number of labels.
func (p *parser) fewShots(e entry, v Evaluation) error {
	entries, err := p.mapping(e.value, fewShot)
	if err != nil {
		return err
	}
	var labels []uint64
	for _, o := range entries {
		if o.key == "labels" {
			if labels, err = p.numbers(o, 1); err != nil {
				return err
			}
		}
	}
	if labels == nil {
		return p.fail(e.at, "fewshot: want labels, the numbers of labels per class, such as labels: [1, 10]; got none")
	}
	for _, n := range labels {
		one := v
		one.Labels, one.Options = int(n), nil
		for _, o := range v.Options {
			if o.Name != "labels" {
				one.Options = append(one.Options, o)
			}
		}
		p.Evaluations = append(p.Evaluations, one)
	}
	return nil
}
