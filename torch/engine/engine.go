// Package engine makes and finds engines: shared libraries that hold all C++ between Go and
// libtorch, compiled for one libtorch each. A program that is built with the tag engine
// links no libtorch; it loads an engine when it starts to compute, so that one program
// serves every libtorch. This package needs neither libtorch nor an engine.
package engine

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"contralens/internal/cpu"
	"contralens/internal/libtorch"
	"contralens/internal/usercache"
	"contralens/torch/internal/shim"
)

// Variable is the environment variable that chooses an engine: the path of its file, or the
// version of one that was built before or lies in the program (2.15 means the last one of 2.15).
const Variable = "CONTRALENS_ENGINE"

// Library is the name of an engine's file.
const Library = "libcontralens-engine.so"

// An Engine is a library, and what it was made for.
type Engine struct {
	Path     string    `json:"-"`        // of the library; "" if it lies in the program itself
	Libtorch string    `json:"libtorch"` // the version of libtorch, such as 2.15.0+cu132
	Folder   string    `json:"folder"`   // of libtorch
	Lib      string    `json:"lib"`      // the folder of its libraries
	CUDA     bool      `json:"cuda"`     // whether it is a build with CUDA
	Sources  string    `json:"sources"`  // Sources() of the program that built it
	Compiler string    `json:"compiler"` // and its version
	Hash     string    `json:"hash"`     // of the library
	Built    time.Time `json:"built"`
}

// String returns the version and folder of an engine's libtorch.
func (e Engine) String() string { return fmt.Sprintf("libtorch %s in %s", e.Libtorch, e.Folder) }

// installed reports whether there is a libtorch where the engine expects its own.
func (e Engine) installed() bool {
	found, err := filepath.Glob(filepath.Join(e.Lib, "libtorch_cpu.so*"))
	return err == nil && len(found) > 0
}

// Fits reports whether this program can call the engine: whether both come from the same
// C++ sources.
func (e Engine) Fits() bool { return e.Sources == Sources() }

// read returns the source files by name, such as core/call.cc.
var read = sync.OnceValue(func() map[string][]byte {
	files := map[string][]byte{}
	add := func(from fs.FS, prefix string) {
		err := fs.WalkDir(from, ".", func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			files[prefix+name], err = fs.ReadFile(from, name)
			return err
		})
		if err != nil {
			panic(err) // the files are part of the program
		}
	}
	add(shim.Sources, "")
	add(cpu.Source, "cpu/")
	return files
})

// Sources identifies the C++ sources of this program by a hash.
var Sources = sync.OnceValue(func() string {
	files := read()
	h := sha256.New()
	for _, name := range names(files) {
		fmt.Fprintf(h, "%s %d\n%s", name, len(files[name]), files[name])
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:8])
})

func names(files map[string][]byte) []string {
	list := make([]string, 0, len(files))
	for name := range files {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// Cache returns the folder in which engines are kept, a folder each.
func Cache() (string, error) {
	folder, err := usercache.Path("engines")
	if err != nil {
		return "", fmt.Errorf("engines: %w", err)
	}
	return folder, nil
}

// CacheFolder returns the folder in which the engine for a libtorch is kept.
func CacheFolder(l libtorch.Install) (string, error) {
	cache, err := Cache()
	if err != nil {
		return "", err
	}
	place := sha256.Sum256([]byte(l.Folder))
	return filepath.Join(cache, fmt.Sprintf("%s-%x", l.Version, place[:4])), nil
}

// List returns the engines in the cache folder, the one built last first. damaged says of
// each file there that is none what is wrong with it. Without a cache folder there are none.
func List() (list []Engine, damaged []error, err error) {
	cache, err := Cache()
	if err != nil {
		return nil, nil, err
	}
	found, err := filepath.Glob(filepath.Join(cache, "*", Library))
	if err != nil {
		return nil, nil, err
	}
	for _, path := range found {
		e, err := Open(path)
		if err != nil {
			damaged = append(damaged, err)
			continue
		}
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b Engine) int { return b.Built.Compare(a.Built) })
	return list, damaged, nil
}

func hash(library []byte) string { return fmt.Sprintf("%x", sha256.Sum256(library)) }

// Choose returns the engine that a program should load: the one that Variable names, or
// else the one in the program, or else the last one in the cache folder that fits, those
// whose libtorch is installed before others. The one in the program comes last where its
// libtorch is not installed.
func Choose(embedded *Engine) (Engine, error) {
	if name := os.Getenv(Variable); name != "" {
		return named(name, embedded)
	}
	if embedded != nil && embedded.installed() {
		return *embedded, nil
	}
	list, _, err := List()
	if fit := fitting(list); len(fit) > 0 {
		return fit[0], nil
	}
	if embedded != nil {
		return *embedded, nil // loading it says what is missing
	}
	if err != nil {
		return Engine{}, err
	}
	if len(list) > 0 {
		return Engine{}, fmt.Errorf("engine: want one that this version of the program built, got %d of other versions; "+
			"run: contralens engine build %s", len(list), list[0].torch())
	}
	return Engine{}, errors.New("engine: want one, which connects the program with libtorch, got none; with pip's torch " +
		"and g++, run: contralens engine build auto")
}

// fitting returns the engines that this program can call: first those whose libtorch is
// installed, in the order of the list.
func fitting(list []Engine) []Engine {
	var fit, removed []Engine
	for _, e := range list {
		switch {
		case !e.Fits():
		case e.installed():
			fit = append(fit, e)
		default:
			removed = append(removed, e)
		}
	}
	return append(fit, removed...)
}

// named returns the engine with a path or a version: the last one of that version in the
// cache folder, or else the one in the program. One whose libtorch is not installed comes
// after those whose is.
func named(name string, embedded *Engine) (Engine, error) {
	if strings.ContainsRune(name, filepath.Separator) {
		return Open(name)
	}
	list, _, err := List()
	if embedded != nil {
		list = append(list, *embedded)
	} else if err != nil {
		return Engine{}, err
	}
	for _, e := range fitting(list) {
		if rest, ok := strings.CutPrefix(e.Libtorch, name); ok && (rest == "" || rest[0] == '.' || rest[0] == '+') {
			return e, nil
		}
	}
	var versions []string
	for _, e := range list {
		if !e.Fits() {
			continue
		}
		version := e.Libtorch
		if e.Path == "" {
			version += " (inside the program)"
		}
		if !slices.Contains(versions, version) {
			versions = append(versions, version)
		}
	}
	have := "there are none"
	if len(versions) > 0 {
		have = "there are " + strings.Join(versions, ", ")
	}
	return Engine{}, fmt.Errorf("%s=%s: want a path with a slash, or the version of an engine of this program; %s",
		Variable, name, have)
}
