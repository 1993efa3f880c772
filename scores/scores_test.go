package scores

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contralens/internal/golden"
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
	// Going on in the middle of an epoch replaces what came after.
	if w, err = NewWriter(dir, 4); err != nil {
		t.Fatal(err)
	}
	add(2, 1, 1, 2)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	all, err := Read(dir)
	if err != nil || len(all) != 4 {
		t.Fatalf("%v: %d steps, want 4", err, len(all))
	}
	if s := all[1]; s.Epoch != 1 || s.Step != 2 || math.Abs(s.NegMean-(0.5+1./128)) > 1e-6 || math.Abs(s.PosMean-(0.75+1./128)) > 1e-6 || math.Abs(s.PosVar-1./64/64/2) > 1e-7 {
		t.Errorf("the short batch: %+v", s)
	}
	if s := all[3]; s.Epoch != 2 || s.NegMean != 2 {
		t.Errorf("the replaced step: %+v", s)
	}
	if err := w.Add(3, 5, rows(1, 0)); err == nil {
		t.Error("a gap in the steps is not refused")
	}
}

// The reference's own file reads, and its rounding is ours.
func TestGoldenFile(t *testing.T) {
	c := golden.Load(t, "train", "moco_ft")
	a := c.Array("scores_file")
	dir := t.TempDir()
	b, err := os.ReadFile(golden.Path(t, "train", "moco_ft", "scores_file.npy"))
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(filepath.Join(dir, "score_001.npy"), b, 0o644)
	all, err := Read(dir)
	if err != nil || len(all) != a.Shape[0] {
		t.Fatalf("%v: %d steps, want %v", err, len(all), a.Shape)
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
	got, _, err := readNPY(path(filepath.Join(dir, "scores"), 1))
	if err != nil {
		t.Fatal(err)
	}
	golden.Near(t, "written again", got, values, 0)
}

func TestReadErrors(t *testing.T) {
	if _, err := Read(t.TempDir()); err == nil || !strings.Contains(err.Error(), "--save_score") {
		t.Errorf("an empty run: %v", err)
	}
	if _, err := Read("nowhere at all"); err == nil || !strings.Contains(err.Error(), "none of that name") {
		t.Errorf("no run: %v", err)
	}
}
