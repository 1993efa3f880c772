package study

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"contralens/config"
	"contralens/internal/durable"
)

// Files of a study in its folder.
const (
	CopyFile   = "study.yaml"  // a copy of its file
	recipeFile = "recipe.yaml" // the options of its recipe
)

// Begin makes the folder of a study, or returns an error if it is that of another one. A study may
// get more seeds, another title and other comments. text is the content of its file.
func (s *Study) Begin(dir string, text []byte) error {
	if begun, err := s.Begun(dir); err != nil {
		return err
	} else if begun {
		if err := s.SameRecipe(dir); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("%s: want a folder that can be created: %w", dir, err)
	}
	err := write(filepath.Join(dir, CopyFile), text) // first, because other processes know the folder by it
	if err == nil {
		err = os.MkdirAll(filepath.Join(dir, StateDir), 0o755)
	}
	if err != nil || s.Recipe == "" {
		return err
	}
	options, err := yaml.Marshal(s.recipe)
	if err != nil {
		return err
	}
	return write(filepath.Join(dir, recipeFile), options)
}

func write(path string, text []byte) error {
	return durable.Write(path, func(w io.Writer) error { _, err := w.Write(text); return err })
}

// SameRecipe returns an error if the recipe has other options than when the study began in a folder.
func (s *Study) SameRecipe(dir string) error {
	path := filepath.Join(dir, recipeFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil // an older version began the study
	}
	was, err := config.ReadValues(path)
	if err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "--config "))
	}
	for _, name := range slices.Sorted(maps.Keys(merged(was, s.recipe))) {
		before, had := was[name]
		now, has := s.recipe[name]
		if before != now || had != has {
			return fmt.Errorf("%s: recipe %s has other options than when the study began (%s; %s: before %q, now %q); choose "+
				"another folder (-o), or restore the recipe; --report works with any", dir, s.Recipe, path, name, before,
				now)
		}
	}
	return nil
}

// merged returns the options of two recipes.
func merged(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, b)
	return all
}

// Begun reports whether a folder is that of the study. It is not if it is empty or not there, and an
// error if it is that of another study, or of something else.
func (s *Study) Begun(dir string) (bool, error) {
	path := filepath.Join(dir, CopyFile)
	before, err := os.ReadFile(path)
	switch {
	case err == nil:
		was, err := read(path, before)
		if err != nil {
			return false, fmt.Errorf("%w; it is the copy of the study in this folder: choose another folder", err)
		}
		if before, now := differs(was.signature(), s.signature()); before != now {
			return false, fmt.Errorf("%s: want the folder of %s, but it was made with other arms, options or evaluations (%s): "+
				"before %q, now %q; choose another folder (-o), or resume with that copy: contralens study %s",
				dir, s.File, path, before, now, s.resume(path, dir))
		}
		for _, seed := range was.Seeds {
			if !slices.Contains(s.Seeds, seed) {
				return false, fmt.Errorf("%s: want the folder of %s, but it was made with seed %d, which is missing now: %s; "+
					"choose another folder (-o), or resume with that copy: contralens study %s",
					dir, s.File, seed, path, s.resume(path, dir))
			}
		}
		return true, nil
	case !errors.Is(err, fs.ErrNotExist):
		return false, fmt.Errorf("%s: want a folder for the study, but %w", dir, err)
	}
	files, _ := os.ReadDir(dir) // a folder that is not there has none
	for _, f := range files {
		if f.Name() == CopyFile { // another process began the study meanwhile
			return s.Begun(dir)
		}
	}
	if slices.ContainsFunc(files, func(f fs.DirEntry) bool { return !strings.HasPrefix(f.Name(), ".") }) {
		hint := ""
		if _, err := os.Stat(filepath.Join(dir, StateDir)); err == nil && isFile(s.File) {
			hint = fmt.Sprintf("; if it is that of this study, whose %s is lost, copy %s there under that name", CopyFile,
				s.File)
		}
		return false, fmt.Errorf("%s: want an empty folder or that of this study, but it has other files%s", dir, hint)
	}
	return false, nil
}

// resume returns the words of the command that resumes with the copy of a study in its folder.
func (s *Study) resume(path, dir string) string {
	words := []string{path, "-o", dir}
	if s.folder != "" {
		words = append(words, "--data_folder", s.folder)
	}
	return ShellWords(words)
}

// differs returns the first line of each text that the other one lacks, in whatever order; both are "nothing" if there
// are none.
func differs(a, b string) (lineOfA, lineOfB string) {
	lacking := func(lines, others []string) string {
		for _, l := range lines {
			if l != "" && !slices.Contains(others, l) {
				return l
			}
		}
		return "nothing"
	}
	before, now := strings.Split(a, "\n"), strings.Split(b, "\n")
	return lacking(before, now), lacking(now, before)
}

// effective returns the options on which a cell depends: older versions took some that have no effect in a study.
func effective(options []Option, untrained bool) (some []Option) {
	for _, o := range options {
		if name := official(o.Name); whyReserved(name) == "" && (!untrained || ofUntrained(name)) {
			some = append(some, o)
		}
	}
	return some
}

// signature has all on which the cells of a study depend, except for seeds, a line for each thing.
func (s *Study) signature() string {
	var b strings.Builder
	if s.Recipe != "" {
		fmt.Fprintf(&b, "recipe %s\n", filepath.Base(s.Recipe)) // SameRecipe compares its options
	}
	for _, o := range effective(s.Options, false) {
		fmt.Fprintf(&b, "%s %s\n", o.Name, o.Value)
	}
	axes := func(all []Axis) {
		for _, a := range all {
			fmt.Fprintf(&b, ", tune %s %q", a.Option, a.Values)
		}
	}
	for _, a := range s.Arms {
		fmt.Fprintf(&b, "arm %s: %s", a.Name, describe(effective(a.Options, a.Untrained)))
		if a.Program != nil {
			fmt.Fprintf(&b, ", program %q", a.Program)
		}
		if a.Untrained {
			b.WriteString(", untrained")
		}
		axes(a.Tune)
		b.WriteByte('\n')
	}
	if t := s.Tuning; t != nil {
		fmt.Fprintf(&b, "tuning by %s, trials %d, seeds %d, epochs %d, by %s", t.Search, t.Trials, t.Seeds, t.Epochs, t.By)
		axes(t.Options)
		b.WriteByte('\n')
	}
	for _, e := range s.Evaluations {
		fmt.Fprintln(&b, "evaluation", e.Measure(), describe(e.Options))
	}
	return b.String()
}
