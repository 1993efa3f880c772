package autotune

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"contralens/internal/durable"
)

// Cache is a file that remembers what was measured: by machine and program, which
// Key names, and by task. It is of use only: whatever is wrong with it, measuring
// again makes up for it.
type Cache struct {
	Path string // empty: there is no place for it
	Key  string
}

// CacheFile is where a user's measurements are kept; empty where the system has no
// place for such files.
func CacheFile() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "contralens", "tune.json")
}

// Load is what was measured of a task: nil if nothing was. The error says what is
// wrong with the file.
func (c Cache) Load(t Task) ([]Measured, error) {
	all, err := c.read()
	found := all[c.key(t)]
	want := t.candidates(true)
	for _, m := range found { // a file that was written by hand, say
		if !(m.Rate > 0) || !slices.Contains(want, m.Choice) {
			return nil, fmt.Errorf("%s: want the speed of %v, got %v", c.Path, want, found)
		}
	}
	return found, err
}

// Store remembers what was measured of a task, beside what is in the file already;
// a damaged file is replaced.
func (c Cache) Store(t Task, found []Measured) error {
	if c.Path == "" {
		return errors.New("want a folder for such files, HOME or XDG_CACHE_HOME, but neither is set")
	}
	all, _ := c.read()
	if all == nil {
		all = map[string][]Measured{}
	}
	all[c.key(t)] = found
	b, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		return err
	}
	err = os.MkdirAll(filepath.Dir(c.Path), 0o755)
	if err == nil {
		err = durable.Write(c.Path, func(w io.Writer) error { _, err := w.Write(append(b, '\n')); return err })
	}
	if err != nil {
		return fmt.Errorf("%w; XDG_CACHE_HOME may name another folder", err)
	}
	return nil
}

func (c Cache) read() (all map[string][]Measured, err error) {
	b, err := os.ReadFile(c.Path)
	if err != nil {
		if c.Path == "" || os.IsNotExist(err) {
			err = nil
		}
		return nil, err
	}
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, fmt.Errorf("%s is damaged, and replaced: %w", c.Path, err)
	}
	return all, nil
}

// key names machine, program and all that decides how long a step takes.
func (c Cache) key(t Task) string {
	n := t.Net
	key := fmt.Sprintf("%s, %d threads; %s width %v, stem %s, head %s %d, %s; batch %d of %d pixels; %s",
		c.Key, t.Threads, n.Arch, n.Width, n.Stem, n.Head, n.FeatDim, n.Modal, t.Batch, t.Side, t.Given)
	if i := t.Images; i != nil {
		key += fmt.Sprintf(", %d, %d; %d images, %s in %s as %v", t.Given.Threads, t.Given.Workers, i.Dataset.Len(), i.Dataset.Name(), i.From, i.Views)
	}
	return key
}
