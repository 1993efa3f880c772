package engine

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"contralens/internal/durable"
	"contralens/internal/libtorch"
	"contralens/internal/usercache"
)

// The compiler's flags. Those of the Go packages under shim are among them; a test compares.
var (
	cxxFlags = []string{"-std=c++20", "-O3", "-g0", "-fPIC", "-fopenmp", "-Wno-deprecated-declarations", "-Wno-psabi"}
	cFlags   = []string{"-x", "c", "-O2", "-g0", "-fPIC"}
)

// Steps are what Build does on the way. Each may be nil.
type Steps struct {
	Progress func(done, all int) // tells how many of the files are compiled
	// Check tries the engine before it takes the place of an earlier one.
	Check func(Engine) error
}

// Build compiles the engine for a libtorch into a folder. Objects that have not changed since
// the last build there are kept. If anything fails, an engine that was there stays.
func Build(ctx context.Context, l libtorch.Install, folder string, s Steps) (Engine, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return Engine{}, err
	}
	b := builder{libtorch: l, folder: folder, files: read()}
	if b.compiler, err = libtorch.Compiler(); err != nil {
		return Engine{}, err
	}
	if b.version, err = version(b.compiler); err != nil {
		return Engine{}, err
	}
	if err := b.unpack(); err != nil {
		return Engine{}, err
	}
	defer os.RemoveAll(b.source)
	objects, err := b.compileAll(ctx, s.Progress)
	if err != nil {
		return Engine{}, err
	}
	library, err := b.link(ctx, objects)
	if err != nil {
		return Engine{}, err
	}
	e := Engine{Libtorch: l.Version.Full, Folder: l.Folder, Lib: l.Lib, CUDA: l.CUDA,
		Sources: Sources(), Compiler: b.compiler + " " + b.version, Hash: hash(library),
		Built: time.Now().UTC().Truncate(time.Second)}
	if e, err = b.place(e, library, s.Check); err != nil {
		return e, err
	}
	return e, b.clean(objects)
}

// place puts the engine into its folder in one step, once it was checked.
func (b builder) place(e Engine, library []byte, check func(Engine) error) (Engine, error) {
	e.Path = filepath.Join(b.source, "new", Library)
	if err := os.Mkdir(filepath.Dir(e.Path), 0o755); err != nil {
		return e, fmt.Errorf("engine: %w", durable.Explain(err))
	}
	if err := e.write(e.Path, library); err != nil {
		return e, err
	}
	if check != nil {
		if err := check(e); err != nil {
			return e, fmt.Errorf("the engine was built and cannot be used: %w", err)
		}
	}
	made := e.Path
	e.Path = filepath.Join(b.folder, Library)
	if err := os.Rename(made, e.Path); err != nil {
		return e, fmt.Errorf("engine: %w", durable.Explain(err))
	}
	return e, nil
}

// builder is one call of Build.
type builder struct {
	libtorch libtorch.Install
	folder   string
	files    map[string][]byte
	compiler string
	version  string // of the compiler
	source   string // the folder with the sources while they are compiled
}

func version(compiler string) (string, error) {
	command := strings.Fields(compiler)
	out, err := exec.Command(command[0], append(command[1:], "-dumpfullversion", "-dumpversion")...).Output()
	if err != nil {
		return "", fmt.Errorf("engine: %s -dumpversion: %w", compiler, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// unpack writes the sources to a folder of their own.
func (b *builder) unpack() error {
	if err := b.folders(); err != nil {
		return err
	}
	var err error
	if b.source, err = os.MkdirTemp(b.folder, "source-*"); err != nil {
		return fmt.Errorf("engine: %w", durable.Explain(err))
	}
	for name, content := range b.files {
		to := filepath.Join(b.source, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return fmt.Errorf("engine: %w", durable.Explain(err))
		}
		if err := os.WriteFile(to, content, 0o644); err != nil {
			return fmt.Errorf("engine: %w", durable.Explain(err))
		}
	}
	return nil
}

// folders makes the engine's folder and that of the objects.
func (b *builder) folders() error {
	objects := filepath.Join(b.folder, "objects")
	if cache, err := Cache(); err == nil && strings.HasPrefix(objects, cache+string(filepath.Separator)) {
		if err := usercache.Make(objects); err != nil {
			return fmt.Errorf("engine: %w", err)
		}
		return nil
	}
	if err := os.MkdirAll(objects, 0o755); err != nil {
		return fmt.Errorf("engine: want a folder %s to write to: %w", b.folder, durable.Explain(err))
	}
	return nil
}

// flags are those for one file. Names are relative to the source folder, so that the
// library does not depend on where it is built. Files below a folder called stub are found
// by their path in it.
func (b builder) flags(name string) []string {
	if path.Ext(name) == ".c" {
		return append(slices.Clone(cFlags), "-Icpu")
	}
	flags := slices.Clone(cxxFlags)
	var folders []string
	for _, n := range names(b.files) {
		if d := "-I" + path.Dir(n); !slices.Contains(folders, d) && !strings.Contains(d, "/stub/") {
			folders = append(folders, d)
		}
	}
	return append(append(flags, folders...), b.libtorch.CXXFlags()...)
}

// compileAll compiles every file that has changed, as many at a time as there are
// processors, and returns the objects.
func (b builder) compileAll(ctx context.Context, progress func(done, all int)) ([]string, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var units []string
	for _, name := range names(b.files) {
		if ext := path.Ext(name); ext == ".cc" || ext == ".c" {
			units = append(units, name)
		}
	}
	objects := make([]string, len(units))
	var mutex sync.Mutex
	done := 0
	var wait sync.WaitGroup
	turn := make(chan struct{}, runtime.NumCPU())
	for i, name := range units {
		wait.Go(func() {
			turn <- struct{}{}
			defer func() { <-turn }()
			var err error
			if objects[i], err = b.compile(ctx, name); err != nil {
				cancel(err)
				return
			}
			mutex.Lock()
			defer mutex.Unlock()
			if done++; progress != nil {
				progress(done, len(units))
			}
		})
	}
	wait.Wait()
	return objects, context.Cause(ctx)
}

// compile compiles one file, unless its object is there already.
func (b builder) compile(ctx context.Context, name string) (string, error) {
	object := filepath.Join(b.folder, "objects", b.key(name)+".o")
	if _, err := os.Stat(object); err == nil {
		return object, nil
	}
	made := filepath.Join(b.source, filepath.Base(object))
	if err := b.run(ctx, append(b.flags(name), "-c", name, "-o", made)); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	if err := os.Rename(made, object); err != nil {
		return "", fmt.Errorf("engine: %w", durable.Explain(err))
	}
	return object, nil
}

// key identifies an object by all that it depends on.
func (b builder) key(name string) string {
	h := sha256.New()
	fmt.Fprintln(h, b.compiler, b.version, b.flags(name), stamp(b.libtorch))
	for _, n := range names(b.files) {
		if n == name || path.Ext(n) == ".h" {
			fmt.Fprintf(h, "%s %d\n%s", n, len(b.files[n]), b.files[n])
		}
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:12])
}

// stamp tells a libtorch from another one of the same version that replaced it.
func stamp(l libtorch.Install) string {
	info, err := os.Stat(filepath.Join(l.Lib, "libc10.so"))
	if err != nil {
		return ""
	}
	return fmt.Sprint(info.Size(), info.ModTime().UnixNano())
}

// link makes the library and returns it. Its own sources are in it, so that a program can tell
// whether it fits.
func (b builder) link(ctx context.Context, objects []string) ([]byte, error) {
	identity := fmt.Sprintf("extern \"C\" {\nextern const char cl_engine_sources[];\n"+
		"const char cl_engine_sources[] = %q;\n}\n", Sources())
	if err := os.WriteFile(filepath.Join(b.source, "identity.cc"), []byte(identity), 0o644); err != nil {
		return nil, fmt.Errorf("engine: %w", durable.Explain(err))
	}
	made := filepath.Join(b.source, Library)
	arguments := []string{"-shared", "-fPIC", "-s", "-Wl,-soname," + Library, "identity.cc"}
	arguments = append(arguments, objects...)
	arguments = append(arguments, b.libtorch.LDFlags()...)
	arguments = append(arguments, openMP(b.libtorch)...)
	if err := b.run(ctx, append(arguments, "-o", made)); err != nil {
		return nil, err
	}
	library, err := os.ReadFile(made)
	if err != nil {
		return nil, fmt.Errorf("engine: %w", durable.Explain(err))
	}
	return library, nil
}

// openMP is how the library is linked to OpenMP: to the copy that libtorch brings, because
// the threads of two copies would wait for each other.
func openMP(l libtorch.Install) []string {
	brought, err := filepath.Glob(filepath.Join(l.Lib, "libgomp*.so*"))
	if err == nil && len(brought) == 1 && l.Folder != "/usr" {
		return []string{"-l:" + filepath.Base(brought[0])}
	}
	return []string{"-fopenmp"}
}

// run runs the compiler in the folder of the sources. The error is its first message.
func (b builder) run(ctx context.Context, arguments []string) error {
	command := strings.Fields(b.compiler)
	c := exec.CommandContext(ctx, command[0], append(command[1:], arguments...)...)
	c.Dir = b.source
	c.Env = append(os.Environ(), "LC_ALL=C")
	out, err := c.CombinedOutput()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "error:") || strings.Contains(line, "undefined reference") {
			return errors.New("engine: the compiler says: " + strings.TrimSpace(line))
		}
	}
	return fmt.Errorf("engine: %s: %w: %s", b.compiler, err, strings.TrimSpace(string(out)))
}

// clean removes the objects of earlier builds.
func (b builder) clean(objects []string) error {
	old, err := filepath.Glob(filepath.Join(b.folder, "objects", "*"))
	if err != nil {
		return err
	}
	for _, o := range old {
		if !slices.Contains(objects, o) {
			if err := os.Remove(o); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("engine: %w", durable.Explain(err))
			}
		}
	}
	return nil
}
