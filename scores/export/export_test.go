package export

import (
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/sbinet/npyio/npz"

	"contralens/scores/record"
)

// source returns a record of steps 5 … 44 with two series, one of them with gaps.
func source(t *testing.T) *record.Record {
	t.Helper()
	dir := t.TempDir()
	w, err := record.NewWriter(dir, record.NewHeader([]string{"zeta", "alpha"}, []record.Histogram{{Kind: "pos", Low: -1, High: 1, Bins: 2}}), 4)
	if err != nil {
		t.Fatal(err)
	}
	for i := 5; i <= 44; i++ {
		s := record.Step{Step: i, Values: []float32{float32(i) / 2, float32(-i)}, Histograms: [][]float32{{0, float32(i)}}}
		if i%2 == 0 {
			s.Values[1] = float32(math.NaN())
		}
		if err := w.Add(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := record.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A full disk is one sentence, which says that the files are not complete.
func TestFullDisk(t *testing.T) {
	if info, err := os.Stat("/dev/full"); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		t.Skip("there is no device /dev/full on this machine")
	}
	s := source(t)
	for _, format := range Formats {
		dir := t.TempDir()
		files, err := Write(s, dir, format, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if err := errors.Join(os.Remove(f), os.Symlink("/dev/full", f)); err != nil {
				t.Fatal(err)
			}
		}
		_, err = Write(s, dir, format, 1000)
		if err == nil || !strings.HasPrefix(err.Error(), "the disk is full, so the exported files are not complete") ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", format, err)
		}
	}
}

// A file in the place of the folder is named.
func TestFileForFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "scores.csv")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(nil, path, "csv", 10); err == nil || err.Error() != "want a folder for the exported files, but "+path+" is a file" {
		t.Error(err)
	}
}

func TestCSV(t *testing.T) {
	dir := t.TempDir()
	files, err := Write(source(t), dir, "csv", 1000)
	if err != nil || len(files) != 2 {
		t.Fatalf("%v %v", files, err)
	}
	f, err := os.Open(files[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil || len(rows) != 41 || fmt.Sprint(rows[0]) != "[step zeta alpha]" || fmt.Sprint(rows[1]) != "[5 2.5 -5]" || rows[2][2] != "" {
		t.Errorf("%v, %d rows: %v", err, len(rows), rows[:3])
	}
	b, err := os.ReadFile(files[1])
	if err != nil || !strings.Contains(string(b), "\npos,5,1,0,1,5\n") || strings.Count(string(b), "\n") != 41 {
		t.Errorf("%v: %s", err, b)
	}
}

func TestParquet(t *testing.T) {
	files, err := Write(source(t), t.TempDir(), "parquet", 10)
	if err != nil {
		t.Fatal(err)
	}
	type row struct {
		Step  int64    `parquet:"step"`
		Zeta  *float32 `parquet:"zeta"`
		Alpha *float32 `parquet:"alpha"`
	}
	rows, err := parquet.ReadFile[row](files[0])
	if err != nil || len(rows) != 40 || rows[0].Step != 5 || *rows[0].Zeta != 2.5 || *rows[0].Alpha != -5 || rows[1].Alpha != nil {
		t.Errorf("%v, %d rows: %+v", err, len(rows), rows[:2])
	}
	f, err := os.Open(files[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	file, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range file.Schema().Columns() {
		names = append(names, c[0])
	}
	if want := append([]string{"step"}, source(t).Series()...); !slices.Equal(names, want) {
		t.Errorf("columns %q, want %q", names, want)
	}
	heat, err := parquet.ReadFile[count](files[1])
	if err != nil || len(heat) != 10 {
		t.Fatalf("%v, %d rows", err, len(heat))
	}
	total := 0.0
	for _, c := range heat {
		total += c.Count
	}
	if want := float64((5 + 44) * 40 / 2); total != want || heat[0].Kind != "pos" || heat[0].Low != 0 {
		t.Errorf("%v scores, want %v: %+v", total, want, heat[0])
	}
}

func TestNPZ(t *testing.T) {
	files, err := Write(source(t), t.TempDir(), "npz", 1000)
	if err != nil {
		t.Fatal(err)
	}
	z, err := npz.Open(files[0])
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	for name, want := range map[string]string{"step.npy": "[40]", "alpha.npy": "[40]", "hist_pos.npy": "[40 2]", "hist_pos_edges.npy": "[3]"} {
		if h := z.Header(name); h == nil || fmt.Sprint(h.Descr.Shape) != want {
			t.Errorf("%s: %v, want %s", name, h, want)
		}
	}
	var zeta []float32
	if err := z.Read("zeta.npy", &zeta); err != nil || zeta[3] != 4 {
		t.Errorf("%v %v", zeta, err)
	}
}

// More steps than are read at once.
func TestLong(t *testing.T) {
	dir := t.TempDir()
	if err := record.Generate(filepath.Join(dir, "r"), 2*chunk+17); err != nil {
		t.Fatal(err)
	}
	r, err := record.Open(filepath.Join(dir, "r"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := Write(r, dir, "csv", 5)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(files[0])
	if n := strings.Count(string(b), "\n"); err != nil || n != 2*chunk+18 || strings.Contains(string(b), ",,") {
		t.Errorf("%d lines, want %d (%v)", n, 2*chunk+18, err)
	}
	if _, err := Write(r, dir, "xls", 5); err == nil || !strings.Contains(err.Error(), "csv, parquet, npz") {
		t.Errorf("an unknown format: %v", err)
	}
}
