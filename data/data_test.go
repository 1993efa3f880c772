package data

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	stdjpeg "image/jpeg"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"contralens/views"
)

// write makes small images at the paths below dir.
func write(t *testing.T, dir string, paths ...string) {
	t.Helper()
	for i, p := range paths {
		m := image.NewRGBA(image.Rect(0, 0, 10+i, 12))
		for j := range m.Pix {
			m.Pix[j] = uint8(i*40 + j)
		}
		for j := 3; j < len(m.Pix); j += 4 {
			m.Pix[j] = 255
		}
		full := filepath.Join(dir, p)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(full)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(strings.ToLower(p), "png") {
			err = png.Encode(f, m)
		} else {
			err = stdjpeg.Encode(f, m, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
}

func TestFolders(t *testing.T) {
	for _, tc := range []struct {
		name        string
		files       []string
		train, test int
		classes     string
	}{
		{"train and val", []string{"train/b/2.jpg", "train/a/x.JPEG", "train/a/ü ö.png", "val/a/1.jpg", "val/b/1.jpg"}, 3, 2, "[a b]"},
		{"train and test", []string{"train/b/2.jpg", "train/a/x.jpg", "test/a/1.jpg", "test/b/1.jpg"}, 2, 2, "[a b]"},
		{"classes at the top", []string{"cat/1.jpg", "dog/1.jpg", "dog/.hidden.jpg", "dog/notes.txt.jpg"}, 3, 0, "[cat dog]"},
		{"flat", []string{"1.jpg", "2.png"}, 2, 0, "[]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, tc.files...)
			if err := os.MkdirAll(filepath.Join(dir, "empty class"), 0o755); err != nil {
				t.Fatal(err)
			}
			train, test, err := Open(Options{Folder: dir})
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			if test != nil {
				n = test.Len()
			}
			if train.Len() != tc.train || n != tc.test || fmt.Sprint(train.Classes()) != tc.classes {
				t.Errorf("got %d and %d images of %v, want %d and %d of %s", train.Len(), n, train.Classes(), tc.train, tc.test, tc.classes)
			}
			var m views.Image
			for i := range train.Len() {
				if err := train.Image(i, &m); err != nil || m.H != 12 {
					t.Errorf("%s: %v, %dx%d", train.Path(i), err, m.W, m.H)
				}
			}
		})
	}
}

func TestOpenErrors(t *testing.T) {
	empty, broken, uneven := t.TempDir(), t.TempDir(), t.TempDir()
	os.WriteFile(filepath.Join(broken, "x.jpg"), []byte("not a picture"), 0o644)
	write(t, uneven, "train/a/1.jpg", "val/a/1.jpg", "val/b/1.jpg")
	for _, tc := range []struct {
		o    Options
		want string
	}{
		{Options{Folder: filepath.Join(empty, "nowhere")}, "no such folder"},
		{Options{Folder: empty}, "found none"},
		{Options{Folder: empty, Name: "imagenet"}, "train"},
		{Options{Folder: uneven, Name: "imagenet100"}, "100 are missing"},
		{Options{Folder: uneven}, `no training image of class "b"`},
		{Options{Folder: empty, Name: "mnist3"}, "fashion-mnist"},
	} {
		if _, _, err := Open(tc.o); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: error %v, want one with %q", tc.o, err, tc.want)
		}
	}
	train, _, err := Open(Options{Folder: broken})
	if err != nil {
		t.Fatal(err)
	}
	var m views.Image
	if err := train.Image(0, &m); err == nil || !strings.Contains(err.Error(), "x.jpg") {
		t.Errorf("a broken image: error %v, want one that names it", err)
	}
}

func TestLimitIsBalanced(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a/1.jpg", "a/2.jpg", "a/3.jpg", "b/1.jpg", "c/1.jpg", "c/2.jpg")
	train, _, err := Open(Options{Folder: dir, Limit: 4})
	if err != nil {
		t.Fatal(err)
	}
	count := map[int]int{}
	for i := range train.Len() {
		count[train.Label(i)]++
	}
	if fmt.Sprint(count) != "map[0:2 1:1 2:1]" {
		t.Errorf("got %v", count)
	}
}

// Repeated, a dataset begins again after its end, and its files stay files.
func TestRepeat(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a/1.jpg", "b/1.jpg", "c/1.jpg")
	images, _, err := Open(Options{Folder: dir, CacheBytes: -1})
	if err != nil {
		t.Fatal(err)
	}
	long := Repeat(images, 7)
	var m, want views.Image
	for i := range long.Len() {
		if err := errors.Join(long.Image(i, &m), images.Image(i%3, &want)); err != nil || long.Label(i) != i%3 || long.Path(i) != images.Path(i%3) || !bytes.Equal(m.Pix, want.Pix) {
			t.Errorf("image %d is not image %d: %v", i, i%3, err)
		}
	}
	if _, ok := long.(Encoded); long.Len() != 7 || !ok {
		t.Errorf("%d images, encoded %v", long.Len(), ok)
	}
}

// generated is a dataset without files; image i has the value i everywhere, and
// image bad is broken.
type generated struct{ n, bad int }

func (g generated) Name() string      { return "generated" }
func (g generated) Len() int          { return g.n }
func (g generated) Label(i int) int   { return i % 3 }
func (g generated) Classes() []string { return []string{"a", "b", "c"} }
func (g generated) Path(i int) string { return fmt.Sprint(i) }
func (g generated) Image(i int, dst *views.Image) error {
	if i == g.bad {
		return fmt.Errorf("image %d is broken", i)
	}
	dst.Resize(5, 4)
	for j := range dst.Pix {
		dst.Pix[j] = uint8(i + j)
	}
	return nil
}

func options(workers int) LoaderOptions {
	spec, _ := views.Preset("B", 6, 0.2)
	return LoaderOptions{Dataset: generated{n: 53, bad: -1}, Views: []views.Spec{spec, spec}, BatchSize: 10, Workers: workers, Seed: 4, Epoch: 3, Shuffle: true}
}

func epoch(t *testing.T, o LoaderOptions) []string {
	t.Helper()
	l := NewLoader(o)
	defer l.Close()
	var out []string
	for {
		b, err := l.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprint(b.N, b.Indices, b.Labels, b.Views))
		l.Recycle(b)
	}
}

func TestLoaderIsTheSameForAnyWorkers(t *testing.T) {
	want := epoch(t, options(1))
	if len(want) != 6 {
		t.Fatalf("%d batches, want 6", len(want))
	}
	for _, j := range []int{2, 5, 16} {
		if got := epoch(t, options(j)); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%d workers give other batches than one", j)
		}
	}
	o := options(3)
	o.FirstBatch = 4
	if got := epoch(t, o); strings.Join(got, "\n") != strings.Join(want[4:], "\n") {
		t.Error("starting at batch 4 gives other batches")
	}
	o = options(3)
	o.DropLast = true
	if got := epoch(t, o); len(got) != 5 {
		t.Errorf("%d full batches, want 5", len(got))
	}
	o.Epoch = 4
	if got := epoch(t, o); got[0] == want[0] {
		t.Error("another epoch has the same first batch")
	}
}

func TestLoaderStopsEarly(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 20 {
		l := NewLoader(options(4))
		if _, err := l.Next(); err != nil {
			t.Fatal(err)
		}
		l.Close()
		l.Close()
	}
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines more than before", runtime.NumGoroutine()-before)
}

func TestLoaderNamesABrokenImage(t *testing.T) {
	o := options(3)
	o.Dataset = generated{n: 53, bad: 17}
	l := NewLoader(o)
	defer l.Close()
	for {
		_, err := l.Next()
		if err == io.EOF {
			t.Fatal("no error")
		}
		if err != nil {
			if !strings.Contains(err.Error(), "image 17") {
				t.Errorf("error %v", err)
			}
			return
		}
	}
}

func TestFashionMNIST(t *testing.T) {
	if _, err := findIDX(FashionMNISTFolder, "train-images-idx3-ubyte"); err != nil {
		t.Logf("not compared: %v", err)
		return
	}
	train, test, err := Open(Options{Name: "fashion-mnist"})
	if err != nil {
		t.Fatal(err)
	}
	var m views.Image
	if err := train.Image(7, &m); err != nil || train.Len() != 60000 || test.Len() != 10000 || m.W != 28 || m.H != 28 {
		t.Errorf("%v: %d and %d images, %dx%d", err, train.Len(), test.Len(), m.W, m.H)
	}
}
