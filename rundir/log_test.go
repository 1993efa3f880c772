package rundir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFailure(t *testing.T) {
	long := errors.New("epoch 1, step 3: the loss became NaN\nin conv1")
	for name, c := range map[string]struct{ log, want string }{
		"failed":               {"epoch 1\n" + FailedLine(long) + "\n", "epoch 1, step 3: the loss became NaN in conv1"},
		"resumed after it":     {FailedLine(long) + "\nresuming current.pth: epoch 1, step 1\n", ""},
		"not failed":           {"trained 1 epochs in 3s\n", ""},
		"a word of another":    {"note: failed: it did not\n", ""},
		"empty":                {"", ""},
		"a line not yet ended": {"epoch 1\nfailed: the lo", ""},
		"a long log":           {strings.Repeat("epoch 1 step 2\n", 20_000) + "failed: disk full\n", "disk full"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, LogFile), []byte(c.log), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := Failure(os.DirFS(dir).(fs.StatFS)); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
	if got := Failure(os.DirFS(t.TempDir()).(fs.StatFS)); got != "" {
		t.Errorf("without a log: got %q", got)
	}
}

func TestReadLog(t *testing.T) {
	dir := t.TempDir()
	folder := os.DirFS(dir).(fs.StatFS)
	path := filepath.Join(dir, LogFile)
	read := func(from int64, most int, want LogPart) {
		t.Helper()
		got, err := ReadLog(folder, from, most)
		if err != nil || got != want {
			t.Errorf("ReadLog(%d, %d): got %+v, %v, want %+v", from, most, got, err, want)
		}
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	read(-1, 100, LogPart{})
	write("one\ntwo\nthr")
	read(-1, 100, LogPart{"one\ntwo\n", 0, 8, 11})
	read(8, 100, LogPart{"", 8, 8, 11})
	read(-1, 8, LogPart{"two\n", 4, 8, 11})
	read(99, 100, LogPart{"", 11, 11, 11})
	write("one\ntwo\nthree\n")
	read(8, 100, LogPart{"three\n", 8, 14, 14})
	read(0, 6, LogPart{"one\n", 0, 4, 14})
	write(strings.Repeat("x", 20) + "\n") // a line that is longer than a part
	read(0, 8, LogPart{"xxxxxxxx", 0, 8, 21})
	write("caf\xe9\n")
	read(0, 8, LogPart{"caf\uFFFD\n", 0, 5, 5})
}
