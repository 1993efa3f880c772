package loader_test

import (
	"bytes"
	"image"
	"image/jpeg"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"contralens/data"
	"contralens/data/datatest"
	"contralens/data/loader"
	"contralens/data/sets"
	"contralens/internal/golden"
	"contralens/views"
)

// photos is a folder with n copies of the golden photos.
func photos(t testing.TB, n int) data.Dataset {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		name := "img" + string(rune('0'+i%6)) + ".jpg"
		file, err := os.ReadFile(golden.Path(t, "augment", "images", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, string(rune('a'+i/6))+name), file, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p, err := sets.Open(t.Context(), sets.Options{Folder: dir})
	if err != nil {
		t.Fatal(err)
	}
	return p.Train
}

// all returns all values of an epoch, view by view.
func all(t *testing.T, o loader.ViewOptions) []float32 {
	t.Helper()
	l := loader.NewViews(t.Context(), o)
	defer l.Close()
	var out []float32
	for {
		b, err := l.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range b.Samples.Values {
			out = append(out, v...)
		}
		l.Recycle(b)
	}
}

func specs(size int, exact bool) []views.Spec {
	b, _ := views.Preset("B", size, 0.2)
	b.Exact = exact
	eval := views.Evaluation(size)
	eval.Exact = exact
	return []views.Spec{b, b, eval}
}

// Decoding only what the crops need gives the same views as decoding everything. If the
// scale is reduced, they are nearly the same.
func TestWorkerDecodesParts(t *testing.T) {
	d := photos(t, 12)
	if _, ok := d.(data.Files); !ok {
		t.Fatal("a folder's files are not data.Files")
	}
	for _, tc := range []struct {
		size  int
		views int     // number of specs used
		mean  float64 // allowed difference in standard deviations
	}{
		{300, 3, 1e-6}, // larger than the crops: full scale
		{64, 3, 1e-6},  // evaluation keeps full scale
		{64, 2, 0.15},
	} {
		o := loader.ViewOptions{Dataset: d, BatchSize: 5, Workers: 2, Seed: 1, Views: specs(tc.size, true)[:tc.views]}
		want := all(t, o)
		o.Views = specs(tc.size, false)[:tc.views]
		got := all(t, o)
		sum := 0.0
		for i := range want {
			sum += math.Abs(float64(got[i] - want[i]))
		}
		if mean := sum / float64(len(want)); len(got) != len(want) || mean > tc.mean {
			t.Errorf("%d views at %d: %v off on average, want at most %v", tc.views, tc.size, mean, tc.mean)
		}
		o.Workers = 7
		for i, v := range all(t, o) {
			if v != got[i] {
				t.Fatalf("%d views at %d: other values with 7 workers", tc.views, tc.size)
			}
		}
	}
}

// Another image takes little memory in a worker: that of opening its file, and from
// time to time a buffer for a batch.
func TestWorkerReusesMemory(t *testing.T) {
	o := loader.ViewOptions{Dataset: photos(t, 600), BatchSize: 10, Workers: 1, Views: specs(64, false)[:2], Shuffle: true}
	all(t, o)
	var before, after runtime.MemStats
	l := loader.NewViews(t.Context(), o)
	defer l.Close()
	b, err := l.Next()
	for range 5 { // buffers grow to the size of the largest image
		l.Recycle(b)
		if b, err = l.Next(); err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&before)
	for err == nil {
		l.Recycle(b)
		b, err = l.Next()
	}
	runtime.ReadMemStats(&after)
	if perImage := (after.TotalAlloc - before.TotalAlloc) / 540; perImage > 8192 {
		t.Errorf("%d bytes allocated an image, want at most 8192", perImage)
	}
}

// A file that is broken inside the crop is treated like any broken file.
func TestWorkerNamesABrokenPhoto(t *testing.T) {
	dir := t.TempDir()
	file, err := os.ReadFile(golden.Path(t, "augment", "images", "img0.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "cut.jpg"), file[:len(file)/3], 0o644); err != nil {
		t.Fatal(err)
	}
	p, err := sets.Open(t.Context(), sets.Options{Folder: dir})
	if err != nil {
		t.Fatal(err)
	}
	l := loader.NewViews(t.Context(), loader.ViewOptions{Dataset: p.Train, BatchSize: 1, Workers: 1,
		Views: []views.Spec{views.Evaluation(64)}})
	defer l.Close()
	if _, err := l.Next(); err == nil || !strings.Contains(err.Error(), "cut.jpg") {
		t.Errorf("a file cut short: error %v, want one that names it", err)
	}
}

// A loader notes a large JPEG file with damage, although it decodes a part of it only. If
// decoding is strict, the file is unreadable.
func TestDamagedPart(t *testing.T) {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 300, 200)), nil); err != nil {
		t.Fatal(err)
	}
	sos := bytes.Index(b.Bytes(), []byte{0xFF, 0xDA})
	stray := slices.Concat(b.Bytes()[:sos], []byte("stray"), b.Bytes()[sos:])
	dir := t.TempDir()
	datatest.Put(t, dir, "1.jpg", stray)
	datatest.Put(t, dir, "2.jpg", b.Bytes())
	for _, strict := range []bool{false, true} {
		var notes []string
		var mu sync.Mutex
		p, err := sets.Open(t.Context(), sets.Options{Folder: dir, CacheBytes: -1, Strict: strict, MaxBad: 0.5,
			Note: func(s string) {
				mu.Lock()
				defer mu.Unlock()
				notes = append(notes, s)
			}})
		if err != nil {
			t.Fatal(err)
		}
		o := datatest.Options(2)
		o.Dataset, o.BatchSize = p.Train, 2
		datatest.Epoch(t, o)
		if len(notes) != 1 || !strings.Contains(notes[0], "1.jpg") || !strings.Contains(notes[0], "extraneous bytes") ||
			strings.Contains(notes[0], "replaced") != strict || len(data.Unreadable(p.Train)) != map[bool]int{true: 1}[strict] {
			t.Errorf("strict %v: notes %q, %d unreadable", strict, notes, data.Unreadable(p.Train))
		}
	}
}
