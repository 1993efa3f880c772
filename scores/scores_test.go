package scores

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contralens/internal/golden"
	"contralens/internal/npy"
)

func rows(n int, base float32) []float32 {
	r := make([]float32, n*Columns)
	for i := range r {
		r[i] = base + float32(i%Columns)/8 + float32(i/Columns)/64
	}
	return r
}

func TestWriteAndRead(t *testing.T) {
	dir := t.TempDir()
	w, err := NewWriter(dir, 4)
	if err != nil {
		t.Fatal(err)
	}
	add := func(epoch, step, n int, base float32) {
		t.Helper()
		if err := w.Add(epoch, step, rows(n, base)); err != nil {
			t.Fatal(err)
		}
	}
	add(1, 0, 4, 0.25)
	add(1, 1, 2, 0.5) // a short last batch
	add(2, 0, 4, 1)
	add(2, 1, 4, 1)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	// Resuming in the middle of an epoch replaces later steps.
	if w, err = NewWriter(dir, 4); err != nil {
		t.Fatal(err)
	}
	add(2, 1, 1, 2)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	all, err := s.Curves(s.Series(), 1, 100, 100)
	if err != nil || len(all[0]) != 4 {
		t.Fatalf("%v: %d steps, want 4", err, len(all[0]))
	}
	for i, want := range []float64{1, 0.75 + 1./128, 1. / 64 / 64 / 2, 0.5 + 1./128, 0.625 + 1./128, 1 + 1./128, 0.875 + 1./128} {
		if b := all[i][1]; b.Step != 2 || math.Abs(b.Mean-want) > 1e-6 {
			t.Errorf("the short batch, %s: %+v, want %v", s.Series()[i], b, want)
		}
	}
	if b := all[3][3]; b.Mean != 2 || all[0][3].Mean != 2 {
		t.Errorf("the replaced step: %+v", b)
	}
	heat, err := s.Histograms("pos", 1, 4, 2)
	if err != nil || len(heat.Rows) != 2 {
		t.Fatalf("%v: %d rows", err, len(heat.Rows))
	}
	sum := 0.0
	for _, c := range heat.Rows[0].Counts {
		sum += c
	}
	if sum != 6 || heat.Rows[0].N != 2 {
		t.Errorf("%v positives in the first two steps, want 6", sum)
	}
	if err := w.Add(3, 5, rows(1, 0)); err == nil {
		t.Error("a gap in the steps is not refused")
	}
}

// Refresh reads new and changed files.
func TestRefresh(t *testing.T) {
	dir := t.TempDir()
	w, err := NewWriter(dir, 2)
	if err != nil {
		t.Fatal(err)
	}
	w.Add(1, 0, rows(2, 0))
	w.Flush()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	w.Add(1, 1, rows(2, 1))
	w.Add(2, 0, rows(2, 2))
	w.Close()
	if err := s.Refresh(); err != nil {
		t.Fatal(err)
	}
	bins, err := s.Curve("neg_mean", 2, 3, 9)
	if err != nil || len(bins) != 2 || bins[1].Step != 3 || bins[1].Mean != 2+1./128 {
		t.Errorf("%v, %v", bins, err)
	}
	all, err := s.Summary("neg_mean", 2, 9)
	if err != nil || all.Step != 2 || all.N != 2 || all.Mean != (bins[0].Mean+bins[1].Mean)/2 {
		t.Errorf("%+v, %v: want the mean of %+v", all, err, bins)
	}
}

// A file of the reference code can be read, and has the same rounding.
func TestGoldenFile(t *testing.T) {
	c := golden.Load(t, "train", "moco_ft")
	a := c.Array("scores_file")
	dir := t.TempDir()
	b, err := os.ReadFile(golden.Path(t, "train", "moco_ft", "scores_file.npy"))
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(filepath.Join(dir, "score_001.npy"), b, 0o644)
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, last := s.Range(); last != a.Shape[0] {
		t.Fatalf("%d steps, want %v", last, a.Shape)
	}
	w, err := NewWriter(dir, a.Shape[1])
	if err != nil {
		t.Fatal(err)
	}
	size := a.Shape[1] * Columns
	values := a.F32
	if values == nil {
		for _, v := range a.F64 {
			values = append(values, float32(v))
		}
	}
	for s := range a.Shape[0] {
		if err := w.Add(1, s, values[s*size:(s+1)*size]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, _, err := npy.Read(path(filepath.Join(dir, "scores"), 1))
	if err != nil {
		t.Fatal(err)
	}
	golden.Near(t, "written again", got, values, 0)
}

func TestReadErrors(t *testing.T) {
	if _, err := Open(t.TempDir()); err == nil || !strings.Contains(err.Error(), "--save_score") {
		t.Errorf("an empty run: %v", err)
	}
	many := t.TempDir()
	for _, run := range []string{"a", "b"} {
		if err := os.MkdirAll(filepath.Join(many, run, "scores"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(many); err == nil || !strings.Contains(err.Error(), "a folder of 2 runs") ||
		!strings.Contains(err.Error(), filepath.Join(many, "a")) {
		t.Errorf("a folder of runs: %v", err)
	}
	if _, err := Open("nowhere at all"); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("no run: %v", err)
	}
}
