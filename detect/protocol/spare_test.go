package protocol

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Pictures replace no photos, and results no annotations of other programs.
func TestSpare(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for name, text := range map[string]string{
		"photo.png": "x", "photo.json": `{"version": 5}`, "old.json": `{"image":"photo.png"}`, "half.json": "{",
	} {
		if err := os.WriteFile(at(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(at("photo.png"), at("link.png")); err != nil {
		t.Fatal(err)
	}
	for out, want := range map[string]string{
		"found.png": "", "old.png": "", "photo.png": "another file", "link.png": "another file",
		"photo.PNG": "beside", "half.png": "beside",
	} {
		err := spare([]string{at("photo.png")}, []string{at(out)})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", out, err, want)
		}
	}
}
