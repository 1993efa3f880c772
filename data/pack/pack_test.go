package pack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"contralens/data"
	"contralens/data/codec"
	"contralens/data/datatest"
	"contralens/data/sets"
	"contralens/views"
)

// packed packs a folder and opens the result.
func packed(t *testing.T, src string, o Options, open sets.Options) (dst string, p data.Splits, result []Packed) {
	t.Helper()
	raw, err := sets.Open(t.Context(), sets.Options{Folder: src, CacheBytes: -1})
	if err != nil {
		t.Fatal(err)
	}
	dst = filepath.Join(t.TempDir(), "packed")
	if o.ShardBytes == 0 {
		o.ShardBytes = 4096
	}
	o.Quality = 90
	if result, err = Write(context.Background(), dst, raw, o); err != nil {
		t.Fatal(err)
	}
	open.Folder = dst
	if p, err = sets.Open(t.Context(), open); err != nil {
		t.Fatal(err)
	}
	return dst, p, result
}

// A folder that is packed without resizing gives the same batches, class for class and
// pixel for pixel, with any number of workers.
func TestPackedIsTheSame(t *testing.T) {
	src := t.TempDir()
	var paths []string
	for i := range 12 {
		paths = append(paths, fmt.Sprintf("train/ä %d/%d.jpg", i%3, i), fmt.Sprintf("train/ä %d/%d.png", i%3, i))
	}
	datatest.Write(t, src, append(paths, "val/ä 1/1.jpg")...)
	_, p, result := packed(t, src, Options{Workers: 3}, sets.Options{})
	if len(result) != 2 || result[0].Images != 24 || result[0].Kept != 24 || result[0].Shards < 3 {
		t.Errorf("packed %+v", result)
	}
	if p.Test == nil || p.Test.Len() != 1 || p.Test.Label(0) != 1 {
		t.Error("the test split is not there, or not of class 1")
	}
	all, err := sets.Open(t.Context(), sets.Options{Folder: src})
	if err != nil {
		t.Fatal(err)
	}
	raw := all.Train
	if !slices.Equal(raw.Classes(), p.Train.Classes()) {
		t.Errorf("classes %q, want %q", p.Train.Classes(), raw.Classes())
	}
	a, b := datatest.Options(1), datatest.Options(4)
	a.Dataset, b.Dataset = raw, p.Train
	if !slices.Equal(datatest.Epoch(t, a), datatest.Epoch(t, b)) {
		t.Error("an epoch has other batches than from the folder")
	}
	var m, n views.Image
	for i := range raw.Len() {
		if err := raw.Image(t.Context(), i, &m); err != nil {
			t.Fatal(err)
		}
		if err := p.Train.Image(t.Context(), i, &n); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(m.Pix, n.Pix) || raw.Label(i) != p.Train.Label(i) {
			t.Errorf("image %d: other pixels or class", i)
		}
	}
}

// Large images are resized, formats other than JPEG and PNG become JPEG, images that
// are not files become PNG, and unreadable ones are named and left out.
func TestPackResizes(t *testing.T) {
	src := t.TempDir()
	for i, name := range []string{"rgb.jpg", "cmyk.jpg", "rgb.bmp", "lossless.webp", "gray.png"} {
		b, err := os.ReadFile("../codec/testdata/formats/" + name) // all 23 x 17
		if err != nil {
			t.Fatal(err)
		}
		datatest.Put(t, src, fmt.Sprintf("c/%d-%s", i, name), b)
	}
	datatest.Put(t, src, "c/9.jpg", []byte("broken"))
	var notes []string
	note := func(s string) { notes = append(notes, s) }
	_, p, result := packed(t, src, Options{Short: 10, MaxBad: 0.01, Note: note}, sets.Options{})
	if len(notes) != 1 || !strings.Contains(notes[0], "9.jpg") || result[0].Bad != 1 || result[0].Images != 5 ||
		result[0].Kept != 0 {
		t.Errorf("notes %q, result %+v", notes, result)
	}
	var m, want, small views.Image
	var sc views.Scratch
	for i := range p.Train.Len() {
		if err := p.Train.Image(t.Context(), i, &m); err != nil || m.W != 14 || m.H != 10 ||
			!strings.HasSuffix(p.Train.Path(i), ".jpg") {
			t.Errorf("%s: %v, %d x %d, want 14 x 10", p.Train.Path(i), err, m.W, m.H)
		}
	}
	// Resizing averages: the mean does not change, and the image equals that of the
	// exact resampler.
	b, err := os.ReadFile("../codec/testdata/formats/lossless.webp")
	if err != nil {
		t.Fatal(err)
	}
	if err := codec.Decode(b, &want); err != nil {
		t.Fatal(err)
	}
	views.ResizedCrop(&small, &want, views.Box{W: want.W, H: want.H}, 14, 10, &sc)
	if err := p.Train.Image(t.Context(), 3, &m); err != nil {
		t.Fatal(err)
	}
	difference := 0.0
	for i := range m.Pix {
		difference += max(float64(m.Pix[i])-float64(small.Pix[i]), float64(small.Pix[i])-float64(m.Pix[i]))
	}
	if difference /= float64(len(m.Pix)); difference > 12 {
		t.Errorf("mean difference from the resized image: %.1f levels", difference)
	}

	idx := t.TempDir()
	datatest.Formats["idx"](t, idx)
	_, p, result = packed(t, idx, Options{Short: 400}, sets.Options{})
	var raw views.Image
	if err := p.Train.Image(t.Context(), 1, &raw); err != nil || raw.W != 3 || raw.Pix[3] != 20 || len(result) != 2 ||
		p.Train.Label(0) != 3 {
		t.Errorf("IDX: %v, %d wide, %v, %+v", err, raw.W, raw.Pix, result)
	}
}

func TestPackRefuses(t *testing.T) {
	src := t.TempDir()
	datatest.Write(t, src, "a/1.jpg", "a/2.jpg")
	raw, err := sets.Open(t.Context(), sets.Options{Folder: src, CacheBytes: -1})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Quality: 90, ShardBytes: 1 << 20}
	if _, err := Write(context.Background(), src, raw, o); err == nil || !strings.Contains(err.Error(), "new or empty") {
		t.Errorf("into a folder with files: error %v", err)
	}
	file := filepath.Join(src, "a/1.jpg")
	if _, err := Write(context.Background(), file, raw, o); err == nil || !strings.Contains(err.Error(), "it is a file") {
		t.Errorf("onto a file: error %v", err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	dst := filepath.Join(t.TempDir(), "x")
	if _, err := Write(ctx, dst, raw, o); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: error %v", err)
	}
	datatest.Put(t, src, "a/1.jpg", []byte("x"))
	datatest.Put(t, src, "a/2.jpg", []byte("x"))
	o.MaxBad = 0.01
	if _, err := Write(context.Background(), dst, raw, o); err == nil ||
		!strings.Contains(err.Error(), "2 of 2 images cannot be read, but a share of 0.01 allows only 1") {
		t.Errorf("all broken: error %v", err)
	}
	if left, _ := filepath.Glob(dst + "*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// An existing folder is filled in place, because it may be a mount point. Nothing
// beside it changes, whatever its name is.
func TestPackIntoFolder(t *testing.T) {
	src := filepath.Join(t.TempDir(), "x.part")
	datatest.Write(t, src, "a/1.jpg", "b/2.jpg")
	raw, err := sets.Open(t.Context(), sets.Options{Folder: src, CacheBytes: -1})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Quality: 90, ShardBytes: 1 << 20}
	if _, err := Write(context.Background(), strings.TrimSuffix(src, ".part"), raw, o); err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	datatest.Put(t, ".partial", "left by a killed process", nil)
	if _, err := Write(context.Background(), ".", raw, o); err != nil {
		t.Fatal(err)
	}
	if p, err := sets.Open(t.Context(), sets.Options{Folder: "."}); err != nil || p.Train.Len() != 2 {
		t.Errorf("what was packed: %v", err)
	}
	if entries, err := os.ReadDir("."); err != nil || len(entries) != 1 {
		t.Errorf("want train alone, got %v, %v", entries, err)
	}
}

// The classes of ImageNet-100 are selected from shards with more classes.
func TestShardsOfImageNet100(t *testing.T) {
	src := t.TempDir()
	datatest.Write(t, src, "train/n3/1.png", "train/n1/1.png", "train/n2/1.png", "val/n2/1.png", "val/n3/1.png")
	wnids := filepath.Join(t.TempDir(), "wnids")
	datatest.Put(t, filepath.Dir(wnids), "wnids", []byte("n3\nn2\n"))
	_, p, _ := packed(t, src, Options{}, sets.Options{Name: "imagenet100", Imagenet100Path: wnids, CacheBytes: -1})
	if fmt.Sprint(p.Train.Classes()) != "[n2 n3]" || p.Train.Len() != 2 || p.Train.Label(0) != 0 || p.Test.Label(1) != 1 {
		t.Errorf("%v, %d images", p.Train.Classes(), p.Train.Len())
	}
	if _, ok := p.Train.(data.Files); !ok {
		t.Error("not data.Files")
	}
	datatest.Put(t, filepath.Dir(wnids), "wnids", []byte("n3\nn9\n"))
	folder := filepath.Dir(filepath.Dir(p.Train.Path(0)))
	_, err := sets.Open(t.Context(), sets.Options{Name: "imagenet100", Imagenet100Path: wnids, Folder: folder})
	if err == nil || !strings.Contains(err.Error(), "n9 is missing") {
		t.Errorf("error %v", err)
	}
}

// The unlabeled split is packed as "unlabeled". Older packs, which call it
// "unlabelled", are read too.
func TestUnlabeledSplit(t *testing.T) {
	src := t.TempDir()
	datatest.Formats["stl10"](t, src)
	raw, err := sets.Open(t.Context(), sets.Options{Folder: src, Name: "stl10", CacheBytes: -1})
	if err != nil {
		t.Fatal(err)
	}
	dst := filepath.Join(t.TempDir(), "packed")
	if _, err := Write(t.Context(), dst, raw, Options{Quality: 90, ShardBytes: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"unlabeled", "unlabelled"} {
		if name != "unlabeled" {
			if err := os.Rename(filepath.Join(dst, "unlabeled"), filepath.Join(dst, name)); err != nil {
				t.Fatal(err)
			}
		}
		p, err := sets.Open(t.Context(), sets.Options{Folder: dst})
		if err != nil {
			t.Fatal(err)
		}
		if p.Unlabeled == nil || p.Unlabeled.Len() != 3 || p.Unlabeled.Label(0) != -1 || p.Train.Len() != 2 ||
			p.Test.Len() != 1 {
			t.Errorf("%s: %+v", name, p)
		}
	}
}
