package table

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contralens/config"
	"contralens/data"
	"contralens/data/datatest"
	"contralens/data/sets"
	"contralens/data/store"
	"contralens/features"
	"contralens/nn"
	"contralens/torch"
)

// pictures makes a folder of n small images of changing colors, and a file that is not
// an image.
func pictures(t *testing.T, n int) (dir string, d data.Dataset) {
	t.Helper()
	dir = t.TempDir()
	datatest.Pictures(dir, n, 16, func(i, x, y int) color.RGBA {
		return color.RGBA{uint8(i * 11), uint8(16*y + x), uint8(255 - i*7), 255}
	})
	if n > 5 {
		if err := os.Truncate(filepath.Join(dir, "05.png"), 40); err != nil {
			t.Fatal(err)
		}
	}
	d, err := sets.Images(t.Context(), store.Disk{}, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	return dir, d
}

// Features that an older version began are resumed, unless they were of another precision.
func TestOlderVersion(t *testing.T) {
	_, d := pictures(t, 6)
	for _, c := range []struct {
		amp, precision string
		first          int
	}{{"false", "fp32", 1}, {"true", "bf16", 1}, {"true", "fp32", 0}, {"true", "fp16", 0}} {
		out := filepath.Join(t.TempDir(), "f.npy")
		p := partial{rows: out + ".partial", about: out + ".partial.json", dim: 1}
		id := about(map[string]string{"checkpoint": "x", "amp": c.amp}, d)
		err := errors.Join(os.WriteFile(p.about, []byte(id), 0o644), os.WriteFile(p.rows, make([]byte, 4*4), 0o644))
		if err != nil {
			t.Fatal(err)
		}
		j := Job{Meta: map[string]string{"checkpoint": "x", "precision": c.precision}, Note: func(string, ...any) {}}
		f, first, err := p.open(j, d, 4)
		if err != nil || first != c.first {
			t.Errorf("amp %s, then %s: begins at batch %d, %v; want %d", c.amp, c.precision, first, err, c.first)
		}
		if err == nil {
			f.Close()
		}
	}
	for name, meta := range map[string]map[string]string{
		"amp": {"amp": "true"}, "bf16": {"precision": "bf16"}, "fp16": {"precision": "fp16"},
	} {
		if !mixed(meta) {
			t.Errorf("%s is not mixed precision", name)
		}
	}
	if mixed(map[string]string{"precision": "fp32", "amp": "false"}) {
		t.Error("fp32 is mixed precision")
	}
}

// TestExtract writes both formats, with and without an interruption. The rows are the
// same, those of unreadable images are NaN, and no partial files are left.
func TestExtract(t *testing.T) {
	dir, d := pictures(t, 22)
	out := t.TempDir()
	err := torch.Run(func() error {
		m, err := nn.New(nn.Config{Arch: "resnet18", Width: 0.0625, Stem: "cifar"}, 1)
		if err != nil {
			return err
		}
		defer m.Free()
		o := features.Options{Size: 16, Batch: 4, Workers: 2}
		notes := 0
		job := func(name string) Job {
			return Job{Out: filepath.Join(out, name), Root: dir, Meta: map[string]string{"checkpoint": "x"}, Note: func(string, ...any) { notes++ }}
		}
		quiet := job("quiet.npy")
		quiet.Note = nil
		if bad, err := Extract(context.Background(), m, d, o, quiet); err != nil || bad != 1 {
			t.Fatalf("without Note: %d unreadable images, %v", bad, err)
		}
		bad, err := Extract(context.Background(), m, d, o, job("whole.npy"))
		if err != nil || bad != 1 {
			t.Fatalf("%d unreadable images, %v", bad, err)
		}
		for _, name := range []string{"parts.npy", "parts.parquet"} {
			for round := 0; ; round++ {
				ctx, cancel := context.WithCancel(context.Background())
				steps := o
				steps.Progress = func(done, total int) {
					if round < 3 && done >= 8*(round+1) {
						cancel()
					}
				}
				_, err := Extract(ctx, m, d, steps, job(name))
				cancel()
				if err == nil {
					if round == 0 {
						t.Errorf("%s was never interrupted", name)
					}
					break
				}
				if !errors.Is(err, ErrStopped) || round > 10 {
					t.Fatalf("%s: %v", name, err)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := rows(t, filepath.Join(out, "whole.npy"))
	if len(want) != 22 || want[0].Path != "00.png" || !math.IsNaN(float64(want[5].Feature[0])) {
		t.Fatalf("%d rows, the sixth begins with %v", len(want), want[5].Feature[0])
	}
	for _, name := range []string{"parts.npy", "parts.parquet"} {
		if got := rows(t, filepath.Join(out, name)); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s has other rows when it was interrupted", name)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(out, "*.partial*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	found, err := Nearest(filepath.Join(out, "parts.parquet"), want[3].Feature, 4, "03.png")
	if err != nil || len(found) != 4 || found[0].Similarity < found[3].Similarity || found[0].Path == "03.png" {
		t.Errorf("nearest: %v %v", found, err)
	}
	// By definition: the largest cosine among all rows.
	best := -1.0
	for i, r := range want {
		if s := dot(r.Feature, want[3].Feature) / norm(r.Feature) / norm(want[3].Feature); i != 3 && s > best {
			best = s
		}
	}
	if math.Abs(found[0].Similarity-best) > 1e-12 {
		t.Errorf("the nearest has similarity %v, want %v", found[0].Similarity, best)
	}
	if f, meta, err := Find(filepath.Join(out, "parts.parquet"), "07.png"); err != nil || fmt.Sprint(f) != fmt.Sprint(want[7].Feature) || meta["folder"] != dir || meta["checkpoint"] != "x" {
		t.Errorf("found %v %v %v", len(f), meta, err)
	}
	if _, err := Nearest(filepath.Join(out, "parts.npy"), []float32{1, 2}, 4, ""); err == nil {
		t.Error("a query of another width is compared")
	}
}

func rows(t *testing.T, path string) (all []Row) {
	t.Helper()
	if _, err := Each(path, func(r Row) error {
		all = append(all, Row{r.Path, append([]float32(nil), r.Feature...)})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// A list has one path per line, so a name with a line break would shift all that
// follow.
func TestLineBreak(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a\nb.png"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	d, err := sets.Images(t.Context(), store.Disk{}, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Extract(context.Background(), nil, d, features.Options{}, Job{Out: filepath.Join(dir, "x.npy"), Root: dir}); err == nil || !strings.Contains(err.Error(), "line break") {
		t.Errorf("error %v", err)
	}
}

// FuzzParquet opens damaged files: an error or rows, never a crash.
func FuzzParquet(f *testing.F) {
	var b bytes.Buffer
	dir := f.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.png"), nil, 0o644); err != nil {
		f.Fatal(err)
	}
	d, err := sets.Images(f.Context(), store.Disk{}, dir, nil)
	if err != nil {
		f.Fatal(err)
	}
	if err := writeParquet(f.Context(), &b, matrix{bytes.NewReader(make([]byte, 8)), 0, 1, 2}, d, Job{Root: dir}); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "x.parquet")
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := Each(path, func(Row) error { return nil })
		_ = err // damaged or not, it must return
	})
}

// Features of 16-bit gray are computed as the encoder was trained, unless an option says
// otherwise, and a query is read as the file's images were.
func TestGray16OfTheEncoder(t *testing.T) {
	c := config.DefaultFeatures()
	if n, _, _ := c.Encoder.Options(); n.Gray16 != "clip" {
		t.Errorf("without a record: %q", n.Gray16)
	}
	c.Gray16 = "range"
	if n, _, _ := c.Encoder.Options(); n.Gray16 != "range" {
		t.Errorf("with the option: %q", n.Gray16)
	}
}
