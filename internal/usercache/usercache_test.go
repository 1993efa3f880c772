package usercache

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPath(t *testing.T) {
	for name, c := range map[string]struct{ home, cache, want, err string }{
		"HOME":           {"/home/x", "", "/home/x/.cache/contralens/a/b", ""},
		"XDG_CACHE_HOME": {"/home/x", "/cache", "/cache/contralens/a/b", ""},
		"neither":        {"", "", "", "neither is set"},
		"relative":       {"/home/x", "cache", "", "XDG_CACHE_HOME=cache: want the absolute path of a folder"},
	} {
		t.Setenv("HOME", c.home)
		t.Setenv(variable, c.cache)
		got, err := Path("a", "b")
		if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %q, %v; want %q, %q", name, got, err, c.want, c.err)
		}
	}
}

func TestMake(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Make(filepath.Join(dir, "a/b")); err != nil {
		t.Error(err)
	}
	for name, folder := range map[string]string{"a file": file, "below a file": filepath.Join(file, "contralens/engines")} {
		err := Make(folder)
		if err == nil || !strings.Contains(err.Error(), "want a folder, but "+file+" is a file; set XDG_CACHE_HOME") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := Make("/proc/contralens"); err == nil || strings.Contains(err.Error(), "mkdir") ||
		!strings.Contains(err.Error(), "cache folder /proc/contralens: ") {
		t.Errorf("a folder that cannot be made: %v", err)
	}
}
