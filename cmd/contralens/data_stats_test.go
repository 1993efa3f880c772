package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contralens/data/datatest"
)

// Names with control characters are shown escaped, in results, notes and errors.
func TestControlCharacters(t *testing.T) {
	dir := t.TempDir()
	const odd = "red\x1b[31m\r\u202e"
	datatest.Write(t, dir, "cat/1.jpg", odd+"/1.jpg", odd+"/2.jpg", "beside "+odd+".jpg")
	if err := os.WriteFile(filepath.Join(dir, odd, "3.jpg"), []byte("broken"), 0o644); err != nil {
		t.Fatal(err)
	}
	const safe = `red\x1b[31m\r\u202e`
	out := must(t, "data", "stats", dir)
	for _, want := range []string{"most: " + safe, "image " + filepath.Join(dir, safe, "3.jpg") + ": want a"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	code, failed := command(t, "data", "stats", filepath.Join(dir, odd, "nowhere"))
	if code != exitFailed || !strings.Contains(failed, safe) {
		t.Errorf("exit code %d, %s", code, failed)
	}
	for _, text := range []string{out, failed} {
		if strings.ContainsAny(text, "\x1b\r\u202e") {
			t.Errorf("control characters in %q", text)
		}
	}
}

// data stats counts files that are read in spite of damage, by kind.
func TestStatsOfDamage(t *testing.T) {
	dir := t.TempDir()
	datatest.Write(t, dir, "1.png", "2.png", "3.png")
	for _, name := range []string{"1.png", "2.png"} {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		if err == nil {
			err = os.Truncate(path, info.Size()-12)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if out := must(t, "data", "stats", dir); !strings.Contains(out, "2, read all the same: its end is missing") ||
		!strings.Contains(out, "unreadable   0") {
		t.Error(out)
	}
	if out := must(t, "data", "stats", dir, "--decode_strict"); !strings.Contains(out, "unreadable   2") {
		t.Error(out)
	}
}
