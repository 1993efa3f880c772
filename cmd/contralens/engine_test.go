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
