// Package sweep trains a small grid of runs that differ in one or two options. [Sweep.Do]
// trains one run after another; [Open] resumes a sweep that was stopped.
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

// Sweep is sweep.json: the options and the progress of a sweep.
type Sweep struct {
	Options  []string `json:"options"`  // options that all runs share
	Finished []string `json:"finished"` // names of finished runs

	// Print receives lines about the progress.
	Print func(format string, args ...any) `json:"-"`
	dir   string
}

// Train trains or resumes one run of a grid. dir is the folder of the sweep and name the
// name of the run in it. varied are the varied options as option=value, options those
// that all runs share. stop reports whether err ends the whole sweep.
type Train func(dir, name string, varied, options []string) (stop bool, err error)

// Open starts a sweep in a folder, or resumes the sweep that is there. options are those
// that all runs share. It returns an error if the folder has a sweep with other options.
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
		return nil, fmt.Errorf("%s: want the file of an earlier sweep, got something else (%w); choose another "+
			"folder with -o", s.path(), err)
	}
	if !slices.Equal(s.Options, options) {
		return nil, fmt.Errorf("%s was made with other options of contrast: %s; choose another folder with -o, or use "+
			"the same options", dir, strings.Join(s.Options, " "))
	}
	return s, nil
}

func (s *Sweep) path() string { return filepath.Join(s.dir, "sweep.json") }

// Do trains the runs of the grid that are not finished yet. It returns the directories of
// all finished runs and the errors of the others. err is an error that ended the sweep.
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
