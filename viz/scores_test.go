package viz

import (
	"encoding/xml"
	"fmt"
	"image"
	"image/color"
	_ "image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contralens/scores"
)

// write makes a run whose positives rise and whose negatives' variance shrinks.
func write(t *testing.T, dir string, shift float64) {
	t.Helper()
	w, err := scores.NewWriter(dir, 4)
	if err != nil {
		t.Fatal(err)
	}
	for epoch := 1; epoch <= 3; epoch++ {
		for step := range 40 {
			x := float64(40*(epoch-1)+step) / 120
			var rows []float32
			for i := range 4 {
				rows = append(rows, float32(0.2*math.Exp(-4*x)+shift), float32(0.05-0.04*x+shift/10), float32(0.3+0.5*x+shift+0.01*float64(i)), 1, 2)
			}
			if err := w.Add(epoch, step, rows); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestPlot(t *testing.T) {
	dir := t.TempDir()
	a, b, out := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "out")
	write(t, a, 0)
	write(t, b, -0.1)
	if err := os.WriteFile(filepath.Join(b, "run.json"), []byte(`{"config":{"mixnorm":"true","mix_start_epoch":"1"}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	files, err := Plot([]string{a, b}, out, Options{Title: "two runs", Labels: []string{"plain", "transformed"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 10 {
		t.Errorf("%d files: %v", len(files), files)
	}
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(path, ".png") {
			m, _, err := image.Decode(f)
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			for i, c := range palette[:2] {
				if n := count(m, c); n < 200 {
					t.Errorf("%s: %d pixels in run %d's colour", path, n, i)
				}
			}
		} else {
			d := xml.NewDecoder(f)
			for {
				if _, err := d.Token(); err == io.EOF {
					break
				} else if err != nil {
					t.Fatalf("%s: %v", path, err)
				}
			}
		}
		f.Close()
	}
	b2, err := os.ReadFile(filepath.Join(out, "pos_mean.svg"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"plain", "transformed", "transformation sets in", "training step"} {
		if !strings.Contains(string(b2), want) {
			t.Errorf("pos_mean.svg lacks %q", want)
		}
	}
}

func count(m image.Image, c color.NRGBA) (n int) {
	r := m.Bounds()
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			if color.NRGBAModel.Convert(m.At(x, y)) == c {
				n++
			}
		}
	}
	return n
}

func TestOnset(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, 0)
	steps, err := read(dir)
	if err != nil {
		t.Fatal(err)
	}
	for options, want := range map[string]int{
		`"mixnorm":"true","mix_start_epoch":"2","mix_start_step":"0"`:  81,
		`"mixnorm":"true","mix_start_epoch":"1","mix_start_step":"50"`: 51,
		`"mixnorm":"true","mix_start_epoch":"0","mix_start_step":"7"`:  8,
		`"mixnorm":"false","mix_start_step":"7"`:                       0,
	} {
		os.WriteFile(filepath.Join(dir, "run.json"), fmt.Appendf(nil, `{"config":{%s}}`, options), 0o644)
		if got := onset(dir, steps); got != want {
			t.Errorf("%s: step %d, want %d", options, got, want)
		}
	}
}

func TestPlotErrors(t *testing.T) {
	if _, err := Plot([]string{t.TempDir()}, t.TempDir(), Options{}); err == nil || !strings.Contains(err.Error(), "--save_score") {
		t.Errorf("a run without scores: %v", err)
	}
}
