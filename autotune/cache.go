package autotune

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"contralens/internal/durable"
	"contralens/internal/machine"
	"contralens/internal/usercache"
	"contralens/torch"
)

// Cache is a file of trials, keyed by the machine, the program (Key) and the workload.
// It is only a cache: if anything is wrong with the file, measuring again replaces it.
type Cache struct {
	Path string // empty if there is no place for the file
	Key  string
}

// UserCache returns the user's cache of the trials of one version of the program on
// this machine.
func UserCache(version string) Cache {
	key := fmt.Sprintf("%s, %s; contralens %s, libtorch %s",
		machine.Kind(), strings.Join(machine.Vectors(), " "), version, torch.Version())
	return Cache{Path: CacheFile(), Key: key}
}

// CacheFile returns the path of the user's cache, or "" if the system has no folder for
// caches.
func CacheFile() string {
	path, err := usercache.Path("tune.json")
	if err != nil {
		return ""
	}
	return path
}

// Load returns the trials of a workload, or nil if there are none. The error describes
// what is wrong with the file.
func (c Cache) Load(w Workload) ([]Trial, error) {
	all, err := c.read()
	found := all[c.key(w)]
	want := w.candidates(true)
	for _, t := range found { // the file may have been edited
		if !(t.Rate > 0) || !slices.Contains(want, t.Setting) {
			return nil, fmt.Errorf("%s: want the speed of %v, got %v", c.Path, want, found)
		}
	}
	return found, err
}

// Store adds the trials of a workload to the file. It replaces a damaged file.
func (c Cache) Store(w Workload, found []Trial) error {
	if c.Path == "" {
		_, err := usercache.Path()
		return cmp.Or(err, errors.New("want the path of a file, got none"))
	}
	all, _ := c.read()
	if all == nil {
		all = map[string][]Trial{}
	}
	all[c.key(w)] = found
	b, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		return err
	}
	if err := usercache.Make(filepath.Dir(c.Path)); err != nil {
		return err
	}
	err = durable.Write(c.Path, func(w io.Writer) error { _, err := w.Write(append(b, '\n')); return err })
	if err != nil {
		return fmt.Errorf("%w; set XDG_CACHE_HOME to use another folder", err)
	}
	return nil
}

func (c Cache) read() (all map[string][]Trial, err error) {
	b, err := os.ReadFile(c.Path)
	if err != nil {
		if c.Path == "" || os.IsNotExist(err) || errors.Is(err, syscall.ENOTDIR) { // Store says what is wrong
			err = nil
		}
		return nil, err
	}
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, fmt.Errorf("%s is damaged and will be replaced: %w", c.Path, err)
	}
	return all, nil
}

// key identifies the machine, the program, and everything that determines the duration
// of a step.
func (c Cache) key(w Workload) string {
	n := w.Net
	key := fmt.Sprintf("%s, %d threads; %s width %v, stem %s, head %s %d, %s; batch %d of %d pixels; %s",
		c.Key, w.Threads, n.Arch, n.Width, n.Stem, n.Head, n.FeatDim, n.Modal, w.Batch, w.Side, w.Given)
	if i := w.Images; i != nil {
		key += fmt.Sprintf(", %d, %d; %d images, %s in %s as %v",
			w.Given.Threads, w.Given.Workers, i.Dataset.Len(), i.Dataset.Name(), i.From, i.Views)
	}
	return key
}
