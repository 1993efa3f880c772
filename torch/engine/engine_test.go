package engine

import (
	"context"
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
	for _, file := range files {
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
	if err := b.link(context.Background(), objects); err != nil {
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
	if _, err := os.Stat(filepath.Join(folder, Library)); err != nil {
		t.Error(err)
	}
}

// keep puts an engine into the cache folder.
func keep(t *testing.T, cache, torch, sources string, built time.Time) {
	t.Helper()
	folder := filepath.Join(cache, "contralens", "engines", torch)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, Library), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	e := Engine{Libtorch: torch, Folder: "/torch/" + torch, Sources: sources, Built: built}
	if err := e.describe(folder); err != nil {
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
		"2.6":         "there are 2.15.0+cu132, 2.11.0+cu130, 2.1.0",
		"/no/such.so": "want the library of an engine, got none",
		filepath.Join(cache, "contralens/engines/2.6.0", Library): "2.6.0",
	} {
		t.Setenv(Variable, name)
		choose(inside, want)
	}
}

// A library that was cut off or replaced, or whose description was, is refused before it is loaded.
func TestDamaged(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, Library)
	whole := Engine{Libtorch: "2.15.0", Folder: "/torch", Sources: Sources(), Hash: hash([]byte("a library"))}
	if err := whole.describe(folder); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{"a library": "", "a lib": "got a damaged one", "": "got a damaged one"} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		e, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if err = e.Whole(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
	for _, facts := range []string{"", "{", "{}", "[]"} {
		if err := os.WriteFile(filepath.Join(folder, Facts), []byte(facts), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "got a damaged one; run contralens engine build again") {
			t.Errorf("%q: got %v", facts, err)
		}
	}
}

func TestExplain(t *testing.T) {
	e := Engine{Libtorch: "2.15.0", Folder: "/torch", Path: "/e.so"}
	for message, want := range map[string]string{
		"libtorch_cpu.so.1.13: cannot open shared object file: No such file or directory": "want its library libtorch_cpu.so.1.13, found none",
		"/e.so: undefined symbol: _ZN2at4_ops":                                            "if libtorch was upgraded or damaged",
	} {
		got := e.Explain(message).Error()
		if !strings.Contains(got, want) || !strings.Contains(got, "contralens engine build /torch") {
			t.Errorf("got %s", got)
		}
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
