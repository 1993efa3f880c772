package rundir

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestNotes(t *testing.T) {
	dir := t.TempDir()
	folder := os.DirFS(dir).(fs.StatFS)
	path := filepath.Join(dir, NotesFile)
	if n, err := ReadNotes(folder); err != nil || n.Text != "" || n.Tags != nil || n.Hidden {
		t.Errorf("without a file: got %+v, %v", n, err)
	}
	b, err := Notes{Text: " the good one\n", Tags: []string{" paper", "", "paper", "λ > 1"}, Hidden: true}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	n, err := ReadNotes(folder)
	if err != nil || n.Text != "the good one" || !slices.Equal(n.Tags, []string{"paper", "λ > 1"}) || !n.Hidden {
		t.Errorf("got %+v, %v from %s", n, err, b)
	}
	for text, want := range map[string]string{
		`{"tags": "one"}`: `want {"text": "…"`, strings.Repeat(" ", 2*MaxNotes): "want at most",
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadNotes(folder); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20s: got %v, want %q", text, err, want)
		}
	}
	if _, err := (Notes{Text: strings.Repeat("x", MaxNotes)}).Encode(); err == nil {
		t.Error("want an error for notes that cannot be read again")
	}
}
