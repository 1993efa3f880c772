package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"contralens/torch/engine"
)

// engine list shows what is used and what was built; engine build refuses in a sentence.
func TestEngine(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	folder := filepath.Join(cache, "contralens/engines/2.6.0-12345678")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	facts := `{"libtorch": "2.6.0", "folder": "/opt/torch", "sources": "others"}`
	file := fmt.Appendf(nil, "%s%s%s", facts, binary.LittleEndian.AppendUint64(nil, uint64(len(facts))), "contralens-engine")
	if err := os.WriteFile(filepath.Join(folder, engine.Library), file, 0o644); err != nil {
		t.Fatal(err)
	}
	damaged := filepath.Join(cache, "contralens/engines/2.7.0-12345678", engine.Library)
	if err := os.Mkdir(filepath.Dir(damaged), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(damaged, file[1:20], 0o644); err != nil {
		t.Fatal(err)
	}
	text := must(t, "engine", "list")
	for _, want := range []string{
		"* ", "libtorch 2.6.0 in /opt/torch, of another version of the program: " + folder, "engine " + damaged + ": want",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in\n%s", want, text)
		}
	}
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("HOME", "")
	if text := must(t, "engine", "list"); !strings.Contains(text, "* ") || !strings.Contains(text, "neither is set") {
		t.Errorf("without a cache folder:\n%s", text)
	}
	code, stderr := command(t, "engine", "build", t.TempDir())
	if code == 0 || !strings.Contains(stderr, "want a folder with lib/libtorch.so") {
		t.Errorf("code %d: %s", code, stderr)
	}
	if code, stderr := command(t, "engine", "build", ""); code == 0 || !strings.Contains(stderr, "got an empty name") {
		t.Errorf("an empty name: code %d: %s", code, stderr)
	}
}

// engine build says how to use an engine that a program does not choose by itself.
func TestUseLine(t *testing.T) {
	cache, lib := t.TempDir(), t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv(engine.Variable, "")
	if err := os.WriteFile(filepath.Join(lib, "libtorch_cpu.so"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(cache, "contralens/engines/2.15.0-12345678")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	facts := fmt.Sprintf(`{"libtorch": "2.15.0", "folder": "/opt/torch", "lib": %q, "sources": %q}`, lib, engine.Sources())
	file := fmt.Appendf(nil, "%s%s%s", facts, binary.LittleEndian.AppendUint64(nil, uint64(len(facts))), "contralens-engine")
	built := engine.Engine{Path: filepath.Join(folder, engine.Library), Libtorch: "2.15.0", Folder: "/opt/torch"}
	if err := os.WriteFile(built.Path, file, 0o644); err != nil {
		t.Fatal(err)
	}
	inside := &engine.Engine{Libtorch: "1.13.0", Folder: "/usr", Lib: lib, Sources: engine.Sources()}
	if line := useLine(built, nil); line != "" {
		t.Errorf("the engine is chosen, and yet: %s", line)
	}
	still := "in use is still the engine for libtorch 1.13.0 in /usr; to use the new one: export CONTRALENS_ENGINE="
	if line := useLine(built, inside); line != still+"2.15.0\n" {
		t.Errorf("got %s", line)
	}
	built.Path = filepath.Join(lib, engine.Library)
	if line := useLine(built, inside); line != still+built.Path+"\n" {
		t.Errorf("got %s", line)
	}
	t.Chdir(lib)
	built.Path = engine.Library // as with -o .
	if line := useLine(built, inside); !strings.HasSuffix(line, "/"+engine.Library+"\n") {
		t.Errorf("got %s, want a path with a slash", line)
	}
	t.Setenv(engine.Variable, "nonsense")
	if line := useLine(built, inside); !strings.HasPrefix(line, "to use the new one: ") {
		t.Errorf("with a wrong %s: got %s", engine.Variable, line)
	}
}

// An engine is tried in a process of its own, and what that says becomes the error.
func TestTryEngine(t *testing.T) {
	e := engine.Engine{Path: "/there/e.so"}
	for script, want := range map[string]string{
		`test "$` + engine.Variable + `" = /there/e.so`:                                               "",
		"echo a warning; echo 'contralens: engine for libtorch 2.15.0: want its library' >&2; exit 1": "engine for libtorch 2.15.0: want its library",
		"kill -ILL $$": "a program that loads it ends with signal: illegal instruction",
		"exit 3":       "a program that loads it ends with exit status 3",
	} {
		err := tried(exec.Command("sh", "-c", script), e)
		if (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", script, err, want)
		}
	}
	if text := must(t, "engine", "try"); text != "" {
		t.Errorf("engine try prints %s", text)
	}
}
