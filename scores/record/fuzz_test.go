package record

import (
	"math"
	"os"
	"path/filepath"
	"testing"
)

// FuzzOpen reads records of arbitrary bytes. Whatever they contain, the reader returns an
// error, or finite numbers within the requested sizes.
func FuzzOpen(f *testing.F) {
	dir := f.TempDir()
	w, err := NewWriter(dir, testHeader, 0)
	if err != nil {
		f.Fatal(err)
	}
	for i := 1; i <= 70; i++ {
		if err := w.Add(testStep(i)); err != nil {
			f.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	names := []string{"record.json", "values.0", "values.1", "pos.0", "pos.1"}
	var good [][]byte
	for _, n := range names {
		b, err := os.ReadFile(filepath.Join(dir, n))
		if err != nil {
			f.Fatal(err)
		}
		good = append(good, b)
	}
	f.Add(good[0], good[1], good[2], good[3], good[4])
	f.Add(good[0], good[1][:100], good[2], good[3][:7], []byte{})
	f.Add([]byte(`{"format":"contralens-scores","version":1,"first_step":2147483647,"fan":2,"series":["loss"],"histograms":[{"kind":"pos","low":-1e308,"high":1e307,"bins":16384}],"histogram_steps":1048576}`), good[1], good[2], good[3], good[4])
	f.Fuzz(func(t *testing.T, a, b, c, d, e []byte) {
		dir := t.TempDir()
		for i, content := range [][]byte{a, b, c, d, e} {
			if err := os.WriteFile(filepath.Join(dir, names[i]), content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		r, err := Open(dir)
		if err != nil {
			return
		}
		first, last := r.Range()
		for _, points := range []int{0, 1, 5, 1 << 30} {
			for _, name := range r.Series() {
				bins, err := r.Curve(name, first, last, points)
				if err == nil && len(bins) > max(1, points) {
					t.Errorf("%d bins, asked for %d", len(bins), points)
				}
				for _, b := range bins {
					if math.IsNaN(b.Mean+b.Min+b.Max) || math.IsInf(b.Mean, 0) || b.N < 1 || b.Step < first || b.Step > last {
						t.Errorf("%s: %+v in steps %d to %d", name, b, first, last)
					}
				}
			}
			for _, kind := range r.Kinds() {
				heat, err := r.Histograms(kind, last-3, last, points)
				if err == nil && len(heat.Rows) > max(1, points) {
					t.Errorf("%d rows, asked for %d", len(heat.Rows), points)
				}
			}
		}
	})
}
