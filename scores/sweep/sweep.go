// Package sweep trains a small grid of runs that differ in an option or two, one after
// the other, and continues where it was stopped.
package sweep

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"contralens/internal/durable"
)

// Sweep is sweep.json: a grid of trainings and how far it has come.
type Sweep struct {
	Options  []string `json:"options"`  // of every run
	Finished []string `json:"finished"` // names of the runs that are done

	// Print receives a line of progress.
	Print func(format string, args ...any) `json:"-"`
	dir   string
}

// Train trains one run of a grid, or continues it: dir is the folder for the run, name
// the run's name in it, varied its options as option=value. stop reports that err ends
// the whole sweep.
type Train func(dir, name string, varied, options []string) (stop bool, err error)

// Open begins a sweep in a folder, or continues the one that is there. options are
// those of every run.
func Open(dir string, options []string) (*Sweep, error) {
	s := &Sweep{dir: dir, Print: func(string, ...any) {}}
	b, err := os.ReadFile(s.path())
	if errors.Is(err, fs.ErrNotExist) {
		s.Options = options
		return s, os.MkdirAll(dir, 0o755)
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("%s: want what an earlier sweep wrote, got something else (%w); choose another folder with -o",
			s.path(), err)
	}
	if !slices.Equal(s.Options, options) {
		return nil, fmt.Errorf("%s was made with other options of contrast: %s; choose another folder with -o, or give "+
			"the same ones",
			dir, strings.Join(s.Options, " "))
	}
	return s, nil
}

func (s *Sweep) path() string { return filepath.Join(s.dir, "sweep.json") }

// Do trains the runs of the grid that are not finished. runs are the directories of
// all that are finished then, failed is why the others are not; err ended the sweep.
func (s *Sweep) Do(g Grid, train Train) (runs []string, failed []error, err error) {
	all := g.combinations()
	for i, varied := range all {
		name := strings.NewReplacer("=", "-", "/", "-", " ", "-").Replace(strings.Join(varied, "_"))
		dir := filepath.Join(s.dir, name)
		what := fmt.Sprintf("run %d of %d: %s", i+1, len(all), strings.Join(varied, ", "))
		if slices.Contains(s.Finished, name) {
			s.Print("%s: finished", what)
			runs = append(runs, dir)
			continue
		}
		s.Print("%s", what)
		switch stop, err := train(s.dir, name, varied, s.Options); {
		case stop:
			return nil, nil, err
		case err != nil:
			s.Print("%v", err)
			failed = append(failed, fmt.Errorf("%s: %w", name, err))
			continue
		}
		runs, s.Finished = append(runs, dir), append(s.Finished, name)
		if err := s.save(); err != nil {
			return nil, nil, err
		}
	}
	return runs, failed, nil
}

// save writes sweep.json.
func (s *Sweep) save() error {
	b, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return err
	}
	return durable.Write(s.path(), func(w io.Writer) error { _, err := w.Write(append(b, '\n')); return err })
}
