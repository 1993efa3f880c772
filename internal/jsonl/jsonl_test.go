package jsonl

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

func TestFile(t *testing.T) {
	l := File(filepath.Join(t.TempDir(), "lines.jsonl"))
	if all, err := l.Read(); err != nil || len(all) != 0 {
		t.Errorf("a file that is not there holds %v, %v", all, err)
	}
	if err := l.Keep(func(map[string]any) bool { return true }); err != nil {
		t.Error(err)
	}
	for step := range 5 {
		if err := l.Add(map[string]any{"step": step}); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.OpenFile(string(l), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString(`{"step": 5, "lo`) // as left by a killed process
	f.Close()
	if err := l.Keep(func(v map[string]any) bool { return v["step"].(float64) <= 3 }); err != nil {
		t.Fatal(err)
	}
	if err := l.Add(map[string]any{"step": 4, "again": true}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(string(l))
	if want := "{\"step\":0}\n{\"step\":1}\n{\"step\":2}\n{\"step\":3}\n{\"again\":true,\"step\":4}\n"; err != nil || string(b) != want {
		t.Errorf("got %q, want %q", b, want)
	}
}

// Lines that are cut off or of another kind are not used, and Skipped names them.
func TestSkipped(t *testing.T) {
	type line struct{ Step int }
	valid := func(l *line) bool { return l.Step > 0 }
	for _, c := range []struct {
		text string
		n    int
		want string
	}{
		{"{\"step\":1}\n{\"step\":2}\n", 2, "<nil>"},
		{"{\"step\":1}\n{\"step\":2", 1, "x: line 2 of 2 is cut off or damaged, and is not used"},
		{"{\"step\":1}\n[]\n{\"step\":0}\n{\"step\":2}", 2, "x: 2 of 4 lines are cut off or damaged, and are not used; the first is line 2"},
	} {
		folder := fstest.MapFS{"x": {Data: []byte(c.text)}}
		if all, err := Lines(folder, "x", 100, valid); err != nil || len(all) != c.n {
			t.Errorf("%q: %v, %v", c.text, all, err)
		}
		if got := fmt.Sprint(Skipped(folder, "x", 100, valid)); got != c.want {
			t.Errorf("%q: %s, want %s", c.text, got, c.want)
		}
	}
	if _, err := Lines(fstest.MapFS{"x": {Data: []byte("{")}}, "x", 100, valid); err == nil || !strings.Contains(err.Error(), "got 1 lines that are none") {
		t.Errorf("nothing but damage: %v", err)
	}
	if err := Skipped(fstest.MapFS{}, "x", 100, valid); err != nil {
		t.Error(err)
	}
}
