package jsonl

import (
	"os"
	"path/filepath"
	"testing"
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
