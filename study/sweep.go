package study

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"contralens/config"
	"contralens/internal/durable"
	"contralens/study/jobs"
)

// Grid is all combinations of the values of some options of pre-training.
type Grid []Axis

// ParseGrid parses axes such as alpha=1,.99,.9 and checks options and values.
func ParseGrid(vary []string) (Grid, error) {
	var grid Grid
	for _, text := range vary {
		option, list, ok := strings.Cut(text, "=")
		if !ok || list == "" {
			return nil, &config.ValueError{Option: "vary", Want: "OPTION=VALUE,VALUE", Got: text}
		}
		a := Axis{Option: option, Values: strings.Split(list, ",")}
		c := config.DefaultContrast()
		field := config.Find(config.Fields(&c), option)
		if field == nil {
			return nil, fmt.Errorf("contrast has no option %q; contralens contrast --help lists them", option)
		}
		for _, value := range a.Values {
			if err := field.Set(value); err != nil {
				return nil, fmt.Errorf("%s: %w", option, err)
			}
		}
		if slices.ContainsFunc(grid, func(other Axis) bool { return official(other.Option) == field.Name }) {
			return nil, fmt.Errorf("--vary %s: want every option once, with all its values, but %s comes twice", text,
				field.Name)
		}
		grid = append(grid, a)
	}
	return grid, nil
}

// CheckMethod returns an error if the grid varies an option that the method sets, because all
// trainings would be the same.
func (g Grid) CheckMethod(method string) error {
	_, preset := config.Methods[method]
	if !preset || slices.ContainsFunc(g, func(a Axis) bool { return a.Option == "method" }) {
		return nil
	}
	for _, a := range g {
		if f, _ := config.Lookup(a.Option); f.Preset {
			return fmt.Errorf("%s: %s sets this option, so all trainings would be the same; use method Customize and set "+
				"its options (docs/methods.md)", a.Option, method)
		}
	}
	return nil
}

// Sweep is a grid of trainings without seeds and evaluations, for figures: sweep.json in its
// folder.
type Sweep struct {
	Options  []string `json:"options"`            // options that all trainings share
	Finished []string `json:"finished,omitempty"` // trainings that older versions finished

	dir string
}

// OpenSweep starts a sweep in a folder, or resumes the sweep that is there. options are those that
// all trainings share. It returns an error if the folder has a sweep with other options.
func OpenSweep(dir string, options []string) (*Sweep, error) {
	s := &Sweep{dir: dir}
	path := filepath.Join(dir, "sweep.json")
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		s.Options = options
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
		return s, durable.Write(path, func(w io.Writer) error { return json.NewEncoder(w).Encode(s) })
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("%s: want the file of an earlier sweep, got something else (%w); choose another folder", path,
			err)
	}
	if !slices.Equal(s.Options, options) {
		return nil, fmt.Errorf("%s was made with other options of contrast: %s; choose another folder, or use the same "+
			"options", dir, strings.Join(s.Options, " "))
	}
	return s, nil
}

// Do trains what is not finished; trainings that failed are tried again. train trains or resumes
// one in the folder of the sweep; varied are its options as option=value. Do returns the
// directories of all that are finished and the errors of the others; err is a *jobs.Fatal of train,
// or that of a ctx that ended.
func (s *Sweep) Do(
	ctx context.Context, g Grid, say func(format string, args ...any), train func(name string, varied []string) error,
) (runs []string, failed []error, err error) {
	var names []string
	varied := map[string][]string{}
	for _, options := range combinations(g) {
		var text []string
		for _, o := range options {
			text = append(text, o.Name+"="+o.Value)
		}
		name := strings.NewReplacer("=", "-", "/", "-", " ", "-").Replace(strings.Join(text, "_"))
		names, varied[name] = append(names, name), text
	}
	q := jobs.Queue{Dir: filepath.Join(s.dir, StateDir), Print: say}
	q.Jobs = func(map[string]jobs.Outcome) ([]string, error) { return names, nil }
	what := func(name string) string {
		place := slices.Index(names, name) + 1
		return fmt.Sprintf("run %d of %d: %s", place, len(names), strings.Join(varied[name], ", "))
	}
	if err := s.begin(q.Dir, names, func(name string) { say("%s: finished", what(name)) }); err != nil {
		return nil, nil, err
	}
	q.Work = func(_ context.Context, name string) (jobs.Outcome, error) {
		say("%s", what(name))
		err := train(name, varied[name])
		var fatal *jobs.Fatal
		if err != nil && !errors.As(err, &fatal) {
			say("%v", err)
		}
		return jobs.Outcome{}, err
	}
	if err := q.Do(ctx); err != nil {
		return nil, nil, err
	}
	done, err := jobs.Outcomes(q.Dir)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		if o := done[name]; o.Failed() {
			failed = append(failed, fmt.Errorf("%s: %s", name, o.Error))
			continue
		}
		runs = append(runs, filepath.Join(s.dir, name))
	}
	return runs, failed, nil
}

// begin takes over what an older version finished, and forgets failures.
func (s *Sweep) begin(dir string, names []string, finished func(name string)) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	done, err := jobs.Outcomes(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		o, ok := done[name]
		switch {
		case o.Failed():
			err = jobs.Forget(dir, name)
		case !ok && slices.Contains(s.Finished, name):
			err = jobs.Outcome{}.Write(dir, name)
			ok = true
		}
		if err != nil {
			return err
		}
		if ok && !o.Failed() {
			finished(name)
		}
	}
	return nil
}
