package rundir

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestResults(t *testing.T) {
	dir := t.TempDir()
	a := NewResult("knn", "x", map[string]any{"top1": 50.5}, 3)
	b := NewResult("linear", "x", map[string]any{"top1": 60.5}, 4)
	for _, r := range []Result{a, b} {
		if err := r.Append(dir); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, ResultsFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// A line that a crash cut off.
	if err := os.WriteFile(path, append(text, `{"protocol": "kn`...), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := ReadResults(dir)
	if want := []Result{a, b}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if err := os.WriteFile(path, []byte("{\"protocol\": 3}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadResults(dir); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("a broken line: %v", err)
	}
}
