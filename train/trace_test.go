package train

import (
	"context"
	"errors"
	"image/color"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"contralens/config"
	"contralens/contrast"
	"contralens/data/datatest"
	"contralens/scores/record"
	"contralens/torch"
	"contralens/world"
)

// tracedRun trains with a record, from a checkpoint if there is one, to the step at which it is stopped.
func tracedRun(t *testing.T, c config.Contrast, dir, from, to string, stop int) (traced map[int]*contrast.Trace) {
	t.Helper()
	traced = map[int]*contrast.Trace{}
	err := torch.Run(func() error {
		torch.SetThreads(1)
		r, err := NewRun(context.Background(), world.Single(), c, dir, nil)
		if err != nil {
			return err
		}
		defer r.Close()
		if from != "" {
			if _, err := r.Load(from); err != nil {
				return err
			}
		}
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		r.Hooks = []Hook{RecordHook(), {Step: func(_ *Run, s Step) error {
			if s.Trace != nil {
				traced[s.Step] = s.Trace
			}
			if s.Step == stop {
				cancel()
			}
			return nil
		}}}
		if err := r.Do(ctx); err != nil && !errors.Is(err, ErrStopped) {
			return err
		}
		if to != "" {
			return r.Save(to)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return traced
}

// smallest is a training of 25 steps on pictures of two classes.
func smallest(t *testing.T, set ...func(*config.Contrast)) config.Contrast {
	t.Helper()
	dir := t.TempDir()
	for i, class := range []string{"a", "b"} {
		datatest.Pictures(filepath.Join(dir, "train", class), 20, 32, func(n, x, y int) color.RGBA { return datatest.Noise(n+50*i, x, y) })
	}
	return methodRun(t, dir, func(c *config.Contrast) {
		c.BatchSize, c.Epochs, c.K = 8, 5, 24
		for _, f := range set {
			f(c)
		}
	})
}

// The record names the images of every tenth step; a training that is stopped and resumed records the same bytes.
func TestImagesAreRecorded(t *testing.T) {
	for _, method := range []string{"MoCov2", "InsDis", "SimCLR"} {
		t.Run(method, func(t *testing.T) {
			c := smallest(t, func(c *config.Contrast) { c.Method = method })
			whole, parts := t.TempDir(), t.TempDir()
			traced := tracedRun(t, c, whole, "", "", 0)
			if len(traced) != 3 || traced[1] == nil || traced[11] == nil || traced[21] == nil {
				t.Fatalf("traced steps: %v, want 1, 11 and 21", traced)
			}
			images, err := record.OpenImages(record.Dir(whole))
			if err != nil {
				t.Fatal(err)
			}
			row, err := images.Near(13)
			if err != nil || row.Step != 11 || len(row.Queries) != traceQueries {
				t.Fatalf("row of step %d with %d queries, error %v", row.Step, len(row.Queries), err)
			}
			weakest := 2.0
			for _, q := range traced[11].Queries {
				weakest = min(weakest, q.Positive)
			}
			if q := row.Queries[0]; float32(q.Positive) != float32(weakest) || len(q.Negatives) != traceNegatives {
				t.Errorf("the first query has the positive %v and %d negatives, want %v and %d", q.Positive, len(q.Negatives), weakest, traceNegatives)
			}
			for _, q := range row.Queries {
				for _, n := range q.Negatives {
					if n.Key.Step >= 11 && method != "SimCLR" || n.Key.Step > 11 || n.Key.Step < 1 && n.Key.Image >= 0 && method == "MoCov2" {
						t.Errorf("step 11 has a negative of step %d", n.Key.Step)
					}
				}
			}
			if images.Epoch(11) != 3 || images.Epoch(10) != 2 {
				t.Errorf("steps 10 and 11 are of epochs %d and %d, want 2 and 3", images.Epoch(10), images.Epoch(11))
			}
			curve, err := openRecord(t, whole).Curve("grad_hardest1", 1, 25, 100)
			if err != nil || len(curve) != 3 || curve[1].Mean != float64(float32(traced[11].Hardest[0])) {
				t.Errorf("the curve is %v, error %v", curve, err)
			}

			checkpoint := filepath.Join(t.TempDir(), "c.pth")
			tracedRun(t, c, parts, "", checkpoint, 12)
			again := tracedRun(t, c, parts, checkpoint, "", 0)
			if len(again) != 1 || again[21] == nil {
				t.Errorf("traced steps after resuming: %v, want 21", again)
			}
			for _, name := range []string{"images.json", "images.bin", "values.0"} {
				a, b := readFile(t, record.Dir(whole), name), readFile(t, record.Dir(parts), name)
				if !slices.Equal(a, b) {
					t.Errorf("%s differs after resuming: %d and %d bytes", name, len(a), len(b))
				}
			}
		})
	}
}

func openRecord(t *testing.T, dir string) *record.Record {
	t.Helper()
	r, err := record.Open(record.Dir(dir))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func readFile(t *testing.T, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What traces add to the record of 1,000 steps is far below a megabyte.
func TestImagesAreSmall(t *testing.T) {
	dir, before := t.TempDir(), t.TempDir()
	h := record.NewHeader(record.TrainingNames(), nil)
	without := h
	without.Series = slices.DeleteFunc(slices.Clone(h.Series), func(name string) bool { _, ok := traceValues(nil)[name]; return ok })
	if len(h.Series)-len(without.Series) != len(traceValues(nil)) {
		t.Fatal("the series of a trace are not all among those of the record")
	}
	trace := &contrast.Trace{Queries: make([]contrast.TracedQuery, 256)}
	for i := range trace.Queries {
		trace.Queries[i].Heaviest = make([]contrast.Heavy, traceNegatives)
	}
	var sizes [2]int64
	for i, h := range []record.Header{h, without} {
		d := []string{dir, before}[i]
		w, err := record.NewWriter(d, h, 0)
		if err != nil {
			t.Fatal(err)
		}
		for step := 1; step <= 1000; step++ {
			if err := w.Add(record.Step{Step: step, Values: make([]float32, len(h.Series))}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	header := record.NewImagesHeader(record.ImagesHeader{Every: traceEvery, Queries: traceQueries, Negatives: traceNegatives, Total: 9, EpochSteps: 9, KeyCrop: 1})
	w, err := record.NewImagesWriter(dir, header, 0)
	if err != nil {
		t.Fatal(err)
	}
	for step := 1; step <= 1000; step += traceEvery {
		if err := w.Add(traceRow(step, trace)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for i, d := range []string{dir, before} {
		files, err := os.ReadDir(d)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			info, err := f.Info()
			if err != nil {
				t.Fatal(err)
			}
			sizes[i] += info.Size()
		}
	}
	if added := sizes[0] - sizes[1]; added < 100_000 || added > 500_000 {
		t.Errorf("1,000 steps add %d bytes to the record, want 100,000 to 500,000", added)
	}
}

// A record of an older version, without the series of traces, goes on as it began.
func TestOlderRecordGoesOn(t *testing.T) {
	dir := t.TempDir()
	h := record.NewHeader([]string{"epoch", "loss"}, record.TrainingHistograms(false))
	w, err := record.NewWriter(dir, h, 0)
	if err != nil {
		t.Fatal(err)
	}
	histograms := [][]float32{make([]float32, 128), make([]float32, 128)}
	if err := w.Add(record.Step{Step: 1, Values: []float32{1, 2}, Histograms: histograms}); err != nil {
		t.Fatal(err)
	}
	w.Close()
	now := record.NewHeader(record.TrainingNames(), record.TrainingHistograms(false)).Continuing(dir)
	if w, err = record.NewWriter(dir, now, 1); err != nil {
		t.Fatal(err)
	}
	if err := w.Add(record.Step{Step: 2, Values: []float32{1, 3}, Histograms: histograms}); err != nil {
		t.Error(err)
	}
	w.Close()
	r, err := record.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if curve, err := r.Curve("loss", 1, 2, 10); err != nil || len(curve) != 2 || curve[0].Mean != 2 {
		t.Errorf("the loss is %v, error %v", curve, err)
	}
	other := record.NewHeader([]string{"loss"}, record.TrainingHistograms(false)).Continuing(dir)
	if len(other.Series) != 1 {
		t.Error("a record with further series is not another one")
	}
}
