package sweep

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"contralens/config"
)

// Grid is all combinations of the values of some options of pre-training.
type Grid []variation

// variation is an option and its values.
type variation struct {
	option string
	values []string
}

// ParseGrid parses variations such as alpha=1,.99,.9 and checks options and values.
func ParseGrid(vary []string) (Grid, error) {
	if len(vary) == 0 {
		return nil, errors.New("scores sweep: want --vary, for example --vary alpha=1,.99,.9")
	}
	var grid Grid
	for _, text := range vary {
		option, list, ok := strings.Cut(text, "=")
		if !ok || list == "" {
			return nil, &config.ValueError{Option: "vary", Want: "OPTION=VALUE,VALUE", Got: text}
		}
		v := variation{option, strings.Split(list, ",")}
		c := config.DefaultContrast()
		field := config.Find(config.Fields(&c), option)
		if field == nil {
			return nil, fmt.Errorf("--vary: contrast has no option %q; contralens contrast --help lists them", option)
		}
		for _, value := range v.values {
			if err := field.Set(value); err != nil {
				return nil, fmt.Errorf("--vary %s: %w", option, err)
			}
		}
		grid = append(grid, v)
	}
	return grid, nil
}

// CheckMethod returns an error if the grid varies an option that the method among options
// sets, because all runs would be the same.
func (g Grid) CheckMethod(options []string) error {
	method := ""
	for i, o := range options {
		if value, ok := strings.CutPrefix(o, "--method="); ok {
			method = value
		} else if o == "--method" && i+1 < len(options) {
			method = options[i+1]
		}
	}
	if _, ok := config.Methods[method]; !ok {
		return nil
	}
	if slices.ContainsFunc(g, func(v variation) bool { return v.option == "method" }) {
		return nil
	}
	for _, v := range g {
		if f, _ := config.Lookup(v.option); f.Preset {
			return fmt.Errorf("--vary %s: %s sets this option, so all trainings would be the same; use --method Customize "+
				"and set its options (docs/methods.md)", v.option, method)
		}
	}
	return nil
}

// combinations returns the varied options of each run, as option=value.
func (g Grid) combinations() [][]string {
	all := [][]string{nil}
	for _, v := range g {
		var next [][]string
		for _, given := range all {
			for _, value := range v.values {
				next = append(next, append(slices.Clone(given), v.option+"="+value))
			}
		}
		all = next
	}
	return all
}
