package engine

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"contralens/internal/libtorch"
)

// TestFlags holds the flags of the engine to those with which cgo compiles the same files.
func TestFlags(t *testing.T) {
	files, err := filepath.Glob("../internal/shim/*/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("got %v, %v", files, err)
	}
	line := regexp.MustCompile(`(?m)^#cgo CXXFLAGS: (.*)$`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range line.FindAllStringSubmatch(string(text), -1) {
			for _, flag := range strings.Fields(m[1]) {
				if strings.HasPrefix(flag, "-I") || strings.HasPrefix(flag, "-O") {
					continue // every folder is searched; -O3 for all
				}
				if !slices.Contains(cxxFlags, flag) {
					t.Errorf("%s compiles with %s, the engine without", file, flag)
				}
			}
		}
	}
}

// TestImports holds the C++ out of programs with the tag engine: only one file imports the
// packages that compile it.
func TestImports(t *testing.T) {
	files, err := filepath.Glob("../*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("got %v, %v", files, err)
	}
	more, err := filepath.Glob("../dist/*.go")
	if err != nil || len(more) == 0 {
		t.Fatalf("got %v, %v", more, err)
	}
	for _, file := range append(files, more...) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Base(file) != "linked.go" && strings.Contains(string(text), `"contralens/torch/internal/shim/`) {
			t.Errorf("%s imports C++, which only linked.go may", file)
		}
	}
	linked, err := os.ReadFile("../linked.go")
	if err != nil {
		t.Fatal(err)
	}
	too, err := os.ReadFile("../dist/linked.go")
	if err != nil {
		t.Fatal(err)
	}
	linked = append(linked, too...)
	for name := range read() {
		folder := filepath.Dir(name)
		if strings.HasSuffix(name, ".cc") && !strings.Contains(string(linked), `"contralens/torch/internal/shim/`+folder+`"`) {
			t.Errorf("linked.go does not import shim/%s", folder)
		}
	}
}

// emptyTorch makes a libtorch of empty libraries.
func emptyTorch(t *testing.T) libtorch.Install {
	t.Helper()
	lib := t.TempDir()
	for _, name := range []string{"torch", "torch_cpu", "c10"} {
		c := exec.Command("g++", "-shared", "-fPIC", "-x", "c++", "-", "-o", filepath.Join(lib, "lib"+name+".so"))
		c.Stdin = strings.NewReader("int " + name + ";")
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	return libtorch.Install{Folder: "/there", Include: t.TempDir(), Lib: lib, Version: libtorch.Version{Major: 2, Minor: 6, Full: "2.6.0"}}
}

func makeOnce(t *testing.T, l libtorch.Install, folder string, files map[string][]byte) (compiled int, err error) {
	t.Helper()
	b := builder{libtorch: l, folder: folder, files: files, compiler: "g++", version: "12"}
	if err := b.unpack(); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(b.source)
	before, err := filepath.Glob(filepath.Join(folder, "objects", "*"))
	if err != nil {
		t.Fatal(err)
	}
	objects, err := b.compileAll(context.Background(), nil)
	if err != nil {
		return 0, err
	}
	for _, o := range objects {
		if !slices.Contains(before, o) {
			compiled++
		}
	}
	library, err := b.link(context.Background(), objects)
	if err != nil {
		return compiled, err
	}
	if _, err := b.place(Engine{Libtorch: "2.6.0", Folder: "/there", Sources: "these", Hash: hash(library)}, library, nil); err != nil {
		return compiled, err
	}
	return compiled, b.clean(objects)
}

// TestBuild compiles only what changed, and tells the compiler's first error.
func TestBuild(t *testing.T) {
	l := emptyTorch(t)
	folder := t.TempDir()
	files := map[string][]byte{
		"a/a.h":     []byte("int b();\n"),
		"a/a.cc":    []byte("#include \"a.h\"\nextern \"C\" int cl_a() { return b(); }\n"),
		"b/b.cc":    []byte("#include \"a.h\"\nint b() { return VALUE; }\n"),
		"cpu/cpu.c": []byte("int level;\n"),
	}
	_, err := makeOnce(t, l, folder, files)
	if err == nil || !strings.Contains(err.Error(), "b/b.cc: engine: the compiler says:") || !strings.Contains(err.Error(), "VALUE") {
		t.Errorf("got %v", err)
	}
	files["b/b.cc"] = []byte("#include \"a.h\"\nint b() { return 1; }\n")
	const whatever = -1 // the error may have stopped the compiler of another file
	for _, step := range []struct {
		what string
		edit func()
		want int
	}{
		{"mended", func() {}, whatever},
		{"as before", func() {}, 0},
		{"a file", func() { files["b/b.cc"] = []byte("#include \"a.h\"\nint b() { return 2; }\n") }, 1},
		{"a header", func() { files["a/a.h"] = []byte("int b(); int c();\n") }, 3},
		{"another libtorch", func() { l.Version.Full = "2.7.0" }, 2},
	} {
		step.edit()
		n, err := makeOnce(t, l, folder, files)
		if err != nil || n != step.want && step.want != whatever {
			t.Errorf("%s: compiled %d files, want %d (%v)", step.what, n, step.want, err)
		}
		left, _ := filepath.Glob(filepath.Join(folder, "objects", "*"))
		if len(left) != 3 {
			t.Errorf("%s: %d objects are left, want 3", step.what, len(left))
		}
	}
	made, err := Open(filepath.Join(folder, Library))
	if err == nil {
		err = made.Whole()
	}
	if err != nil {
		t.Error(err)
	}
}

// An engine takes the place of an earlier one in one step, and only if it works.
func TestPlace(t *testing.T) {
	folder := t.TempDir()
	place := func(version string, works bool) error {
		t.Helper()
		b := builder{folder: folder}
		if err := b.unpack(); err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(b.source)
		library := []byte("library of " + version)
		e := Engine{Libtorch: version, Folder: "/there", Sources: "these", Hash: hash(library)}
		_, err := b.place(e, library, func(e Engine) error {
			if err := e.Whole(); err != nil {
				t.Errorf("what is checked: %v", err)
			}
			if !works {
				return errors.New("want a symbol, found none")
			}
			return nil
		})
		return err
	}
	path := filepath.Join(folder, Library)
	expect := func(version string) {
		t.Helper()
		if e, err := Open(path); err != nil || e.Libtorch != version || e.Whole() != nil {
			t.Errorf("got %v, %v, %v; want %s", e, err, e.Whole(), version)
		}
	}
	if err := place("1", true); err != nil {
		t.Fatal(err)
	}
	expect("1")
	if err := place("2", false); err == nil || !strings.Contains(err.Error(), "cannot be used: want a symbol") {
		t.Errorf("got %v", err)
	}
	expect("1")
	if err := place("3", true); err != nil {
		t.Fatal(err)
	}
	expect("3")
	e, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	copied := t.TempDir()
	if err := e.Copy(copied); err != nil {
		t.Fatal(err)
	}
	if c, err := Open(filepath.Join(copied, Library)); err != nil || c.Whole() != nil || c.Libtorch != "3" {
		t.Errorf("a copy: %+v, %v", c, err)
	}
	if left, _ := filepath.Glob(filepath.Join(folder, "*")); len(left) != 2 { // and the objects
		t.Errorf("left: %v", left)
	}
}

// keep puts an engine into the cache folder.
func keep(t *testing.T, cache, torch, sources string, built time.Time) {
	t.Helper()
	folder := filepath.Join(cache, "contralens", "engines", torch)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	e := Engine{Libtorch: torch, Folder: "/torch/" + torch, Sources: sources, Built: built}
	if err := e.write(filepath.Join(folder, Library), nil); err != nil {
		t.Fatal(err)
	}
}

func TestChoose(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv(Variable, "")
	choose := func(embedded *Engine, want string) {
		t.Helper()
		e, err := Choose(embedded)
		if err != nil {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
		} else if e.Libtorch != want {
			t.Errorf("got %s, want %s", e.Libtorch, want)
		}
	}
	lib := t.TempDir()
	inside := &Engine{Libtorch: "1.13.0", Sources: Sources(), Lib: lib}
	if err := os.WriteFile(filepath.Join(lib, "libtorch_cpu.so.1.13"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	removed := &Engine{Libtorch: "1.13.1", Sources: Sources(), Lib: filepath.Join(lib, "removed")}
	now := time.Now()
	choose(nil, "contralens engine build auto")
	choose(inside, "1.13.0")
	choose(removed, "1.13.1") // nothing better is there
	keep(t, cache, "2.6.0", "other", now)
	choose(nil, "got 1 of other versions; run: contralens engine build /torch/2.6.0")
	keep(t, cache, "2.11.0+cu130", Sources(), now.Add(-2*time.Hour))
	keep(t, cache, "2.15.0+cu132", Sources(), now.Add(-time.Hour))
	keep(t, cache, "2.1.0", Sources(), now.Add(-3*time.Hour))
	choose(nil, "2.15.0+cu132")
	choose(removed, "2.15.0+cu132")
	choose(inside, "1.13.0")
	for name, want := range map[string]string{
		"2.11": "2.11.0+cu130", "2.15.0": "2.15.0+cu132", "2.1": "2.1.0",
		"1.13":        "1.13.0",
		"2.6":         "there are 2.15.0+cu132, 2.11.0+cu130, 2.1.0, 1.13.0 (inside the program)",
		"/no/such.so": "want the library of an engine, got none",
		filepath.Join(cache, "contralens/engines/2.6.0", Library): "2.6.0",
		filepath.Join(cache, "contralens/engines/2.6.0"):          "want the library of an engine that can be read: ",
	} {
		t.Setenv(Variable, name)
		choose(inside, want)
	}
}

// An engine whose libtorch was removed is chosen only where no other one is left.
func TestChooseInstalled(t *testing.T) {
	cache, lib := t.TempDir(), t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	if err := os.WriteFile(filepath.Join(lib, "libtorch_cpu.so"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	add := func(folder, lib string, built time.Time) {
		t.Helper()
		path := filepath.Join(cache, "contralens/engines", folder)
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		e := Engine{Libtorch: "2.15.0", Folder: folder, Lib: lib, Sources: Sources(), Built: built}
		if err := e.write(filepath.Join(path, Library), nil); err != nil {
			t.Fatal(err)
		}
	}
	removed := &Engine{Libtorch: "1.13.0", Folder: "inside", Sources: Sources(), Lib: filepath.Join(lib, "removed")}
	choose := func(name string, embedded *Engine, want string) {
		t.Helper()
		t.Setenv(Variable, name)
		if e, err := Choose(embedded); err != nil || e.Folder != want {
			t.Errorf("%q: got %s, %v, want the one in %s", name, e, err, want)
		}
	}
	add("moved", filepath.Join(lib, "moved"), time.Now())
	choose("", nil, "moved") // loading it says what is missing
	choose("", removed, "moved")
	choose("2.15", removed, "moved")
	add("there", lib, time.Now().Add(-time.Hour))
	choose("", nil, "there")
	choose("", removed, "there")
	choose("2.15", nil, "there")
	t.Setenv(Variable, "2.6")
	_, err := Choose(removed)
	if want := "there are 2.15.0, 1.13.0 (inside the program)"; err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

// A library that was cut off or replaced is refused before it is loaded, and List names a file
// that is no engine.
func TestDamaged(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv(Variable, "")
	keep(t, cache, "2.15.0", Sources(), time.Now())
	folder := filepath.Join(cache, "contralens/engines/2.14.0")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, Library)
	library := []byte("a library")
	e := Engine{Libtorch: "2.14.0", Folder: "/torch", Sources: Sources(), Hash: hash(library)}
	whole, err := pack(library, e)
	if err != nil {
		t.Fatal(err)
	}
	other := append([]byte("b"), whole[1:]...)
	huge := slices.Clone(whole)
	huge[len(huge)-len(mark)-1] = 0xff // of the length
	for name, c := range map[string]struct {
		file        []byte
		open, loads string
	}{
		"whole":          {whole, "", ""},
		"other bytes":    {other, "", "got a damaged one or another; run: contralens engine build /torch"},
		"cut off":        {whole[:len(whole)-1], "got a damaged file or one of an older version; run contralens engine build again", ""},
		"a wrong length": {huge, "got a damaged file or one", ""},
		"no facts":       {append([]byte("{}\x02\x00\x00\x00\x00\x00\x00\x00"), mark...), "got a damaged file or one", ""},
		"empty":          {nil, "got a damaged file or one", ""},
		"a mark alone":   {[]byte(mark), "got a damaged file or one", ""},
	} {
		if err := os.WriteFile(path, c.file, 0o644); err != nil {
			t.Fatal(err)
		}
		e, err := Open(path)
		list, damaged, failed := List()
		if failed != nil || len(list)+len(damaged) != 2 || (len(damaged) == 1) != (c.open != "") ||
			len(damaged) == 1 && !strings.Contains(damaged[0].Error(), path) {
			t.Errorf("%s: listed %v, %v, %v", name, list, damaged, failed)
		}
		want := c.open
		if want == "" {
			err, want = e.Whole(), c.loads
		}
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
}

// Without a cache folder there are no engines but the one in the program; in a file, none can
// be built.
func TestNoCache(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("HOME", "")
	if _, _, err := List(); err == nil || !strings.Contains(err.Error(), "engines: want a cache folder from HOME or XDG_CACHE_HOME") {
		t.Errorf("got %v", err)
	}
	t.Setenv(Variable, "1.13")
	if e, err := Choose(&Engine{Libtorch: "1.13.0", Sources: Sources()}); err != nil || e.Libtorch != "1.13.0" {
		t.Errorf("got %v, %v", e, err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_CACHE_HOME", file)
	folder, err := CacheFolder(libtorch.Install{})
	if err != nil {
		t.Fatal(err)
	}
	b := builder{folder: folder}
	if err := b.unpack(); err == nil || !strings.Contains(err.Error(), "but "+file+" is a file; set XDG_CACHE_HOME") {
		t.Errorf("got %v", err)
	}
}

func TestExplain(t *testing.T) {
	e := Engine{Libtorch: "2.15.0", Folder: "/torch", Path: "/e.so"}
	for message, want := range map[string]string{
		"libtorch_cpu.so.1.13: cannot open shared object file: No such file or directory": "want its library libtorch_cpu.so.1.13, found none",
		"/e.so: undefined symbol: _ZN2at4_ops":                                            "got another version of one or a damaged one, as /e.so shows",
		"/torch/lib/libc10.so: file too short":                                            "as /torch/lib/libc10.so shows; install libtorch again, and run:",
		"cannot allocate memory in static TLS":                                            "(the loader says: cannot allocate memory",
	} {
		got := e.Explain(message).Error()
		if !strings.Contains(got, want) || !strings.Contains(got, "contralens engine build /torch") {
			t.Errorf("got %s", got)
		}
	}
	if got := e.Upgraded("2.16.0").Error(); !strings.Contains(got, "libtorch 2.15.0 in /torch: want that version there, got 2.16.0") {
		t.Errorf("got %s", got)
	}
	got := e.Explain("libcudart.so.13: cannot open shared object file: No such file or directory").Error()
	if !strings.Contains(got, "want NVIDIA's library libcudart.so.13, found none") || strings.Contains(got, "engine build") {
		t.Errorf("got %s", got)
	}
}

func TestMismatch(t *testing.T) {
	if got := Mismatch("2.14.1", "2.15.0").Error(); !strings.Contains(got, "want version 2.14.1") || !strings.Contains(got, "got 2.15.0") {
		t.Errorf("got %s", got)
	}
	inside := Engine{Libtorch: "1.13.0", Folder: "/usr"}
	for _, err := range []error{inside.Other(), inside.Explain("libc10.so.1.13: cannot open shared object file: No such file")} {
		if !strings.Contains(err.Error(), "run make build again") {
			t.Errorf("got %v", err)
		}
	}
}
