package profile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTempDir(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "missing"))
	if dir, err := TempDir("test"); err == nil || !strings.Contains(err.Error(), "TMPDIR can name another place") {
		t.Errorf("got %q, %v", dir, err)
	}
	t.Setenv("TMPDIR", t.TempDir())
	if dir, err := TempDir("test"); err != nil || filepath.Dir(dir) != os.Getenv("TMPDIR") {
		t.Errorf("got %q, %v", dir, err)
	}
}
