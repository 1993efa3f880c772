package main

import (
	"os"
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
	for name, text := range map[string]string{engine.Library: "", engine.Facts: facts} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text := must(t, "engine", "list")
	for _, want := range []string{"* ", "libtorch 2.6.0 in /opt/torch, of another version of the program: " + folder} {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in\n%s", want, text)
		}
	}
	code, stderr := command(t, "engine", "build", t.TempDir())
	if code == 0 || !strings.Contains(stderr, "want a folder with lib/libtorch.so") {
		t.Errorf("code %d: %s", code, stderr)
	}
}
