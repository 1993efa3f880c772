package data

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"contralens/views"
)

// packed packs a folder and opens the result.
func packed(t *testing.T, src string, o PackOptions, open Options) (dst string, p Parts, result []Packed) {
	t.Helper()
	raw, err := OpenParts(Options{Folder: src, CacheBytes: -1})
	if err != nil {
		t.Fatal(err)
	}
	dst = filepath.Join(t.TempDir(), "packed")
	if o.ShardBytes == 0 {
		o.ShardBytes = 4096
	}
	o.Quality = 90
	if result, err = Pack(context.Background(), dst, raw, o); err != nil {
		t.Fatal(err)
	}
	open.Folder = dst
	if p, err = OpenParts(open); err != nil {
		t.Fatal(err)
	}
	return dst, p, result
}

// Packed without resizing, a folder gives the same batches, class for class and
// pixel for pixel, with every number of workers.
func TestPackedIsTheSame(t *testing.T) {
	src := t.TempDir()
	var paths []string
	for i := range 12 {
		paths = append(paths, fmt.Sprintf("train/ä %d/%d.jpg", i%3, i), fmt.Sprintf("train/ä %d/%d.png", i%3, i))
	}
	write(t, src, append(paths, "val/ä 1/1.jpg")...)
	_, p, result := packed(t, src, PackOptions{Workers: 3}, Options{})
	if len(result) != 2 || result[0].Images != 24 || result[0].Kept != 24 || result[0].Shards < 3 {
		t.Errorf("packed %+v", result)
	}
	if p.Test == nil || p.Test.Len() != 1 || p.Test.Label(0) != 1 {
		t.Error("the test part is not there, or not of class 1")
	}
	raw, _, err := Open(Options{Folder: src})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(raw.Classes(), p.Train.Classes()) {
		t.Errorf("classes %q, want %q", p.Train.Classes(), raw.Classes())
	}
	a, b := options(1), options(4)
	a.Dataset, b.Dataset = raw, p.Train
	if !slices.Equal(epoch(t, a), epoch(t, b)) {
		t.Error("an epoch has other batches than from the folder")
	}
	var m, n views.Image
	for i := range raw.Len() {
		if err := raw.Image(i, &m); err != nil {
			t.Fatal(err)
		}
		if err := p.Train.Image(i, &n); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(m.Pix, n.Pix) || raw.Label(i) != p.Train.Label(i) {
			t.Errorf("image %d: other pixels or class", i)
		}
	}
}

// Large images are resized, other formats than JPEG and PNG become JPEG, images
// that are no files PNG; what cannot be read is named and left out.
func TestPackResizes(t *testing.T) {
	src := t.TempDir()
	for i, name := range []string{"rgb.jpg", "cmyk.jpg", "rgb.bmp", "lossless.webp", "gray.png"} {
		b, err := os.ReadFile("testdata/formats/" + name) // all 23 x 17
		if err != nil {
			t.Fatal(err)
		}
		put(t, src, fmt.Sprintf("c/%d-%s", i, name), b)
	}
	put(t, src, "c/9.jpg", []byte("broken"))
	var notes []string
	_, p, result := packed(t, src, PackOptions{Short: 10, MaxBad: 0.01, Note: func(s string) { notes = append(notes, s) }}, Options{})
	if len(notes) != 1 || !strings.Contains(notes[0], "9.jpg") || result[0].Bad != 1 || result[0].Images != 5 || result[0].Kept != 0 {
		t.Errorf("notes %q, result %+v", notes, result)
	}
	var m, want, small views.Image
	var sc views.Scratch
	for i := range p.Train.Len() {
		if err := p.Train.Image(i, &m); err != nil || m.W != 14 || m.H != 10 || !strings.HasSuffix(p.Train.Path(i), ".jpg") {
			t.Errorf("%s: %v, %d x %d, want 14 x 10", p.Train.Path(i), err, m.W, m.H)
		}
	}
	// Resizing averages: the mean stays, and the picture is the one that the exact
	// resampler makes.
	b, err := os.ReadFile("testdata/formats/lossless.webp")
	if err != nil {
		t.Fatal(err)
	}
	if err := Decode(b, &want); err != nil {
		t.Fatal(err)
	}
	views.ResizedCrop(&small, &want, views.Box{W: want.W, H: want.H}, 14, 10, &sc)
	if err := p.Train.Image(3, &m); err != nil {
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
	makers["idx"](t, idx)
	_, p, result = packed(t, idx, PackOptions{Short: 400}, Options{})
	var raw views.Image
	if err := p.Train.Image(1, &raw); err != nil || raw.W != 3 || raw.Pix[3] != 20 || len(result) != 2 || p.Train.Label(0) != 3 {
		t.Errorf("IDX: %v, %d wide, %v, %+v", err, raw.W, raw.Pix, result)
	}
}

func TestPackRefuses(t *testing.T) {
	src := t.TempDir()
	write(t, src, "a/1.jpg", "a/2.jpg")
	raw, err := OpenParts(Options{Folder: src, CacheBytes: -1})
	if err != nil {
		t.Fatal(err)
	}
	o := PackOptions{Quality: 90, ShardBytes: 1 << 20}
	if _, err := Pack(context.Background(), src, raw, o); err == nil || !strings.Contains(err.Error(), "new or empty") {
		t.Errorf("into a folder with files: error %v", err)
	}
	file := filepath.Join(src, "a/1.jpg")
	if _, err := Pack(context.Background(), file, raw, o); err == nil || !strings.Contains(err.Error(), "it is a file") {
		t.Errorf("onto a file: error %v", err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	dst := filepath.Join(t.TempDir(), "x")
	if _, err := Pack(ctx, dst, raw, o); err == nil {
		t.Error("stopped, and no error")
	}
	put(t, src, "a/1.jpg", []byte("x"))
	put(t, src, "a/2.jpg", []byte("x"))
	o.MaxBad = 0.01
	if _, err := Pack(context.Background(), dst, raw, o); err == nil || !strings.Contains(err.Error(), "--max_bad") {
		t.Errorf("all broken: error %v", err)
	}
	if left, _ := filepath.Glob(dst + "*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A folder that is there is filled in place, as a disk that is mounted on it needs;
// nothing beside it is touched, whatever its name.
func TestPackIntoFolder(t *testing.T) {
	src := filepath.Join(t.TempDir(), "x.part")
	write(t, src, "a/1.jpg", "b/2.jpg")
	raw, err := OpenParts(Options{Folder: src, CacheBytes: -1})
	if err != nil {
		t.Fatal(err)
	}
	o := PackOptions{Quality: 90, ShardBytes: 1 << 20}
	if _, err := Pack(context.Background(), strings.TrimSuffix(src, ".part"), raw, o); err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	put(t, ".partial", "left by a killed process", nil)
	if _, err := Pack(context.Background(), ".", raw, o); err != nil {
		t.Fatal(err)
	}
	if d, _, err := Open(Options{Folder: "."}); err != nil || d.Len() != 2 {
		t.Errorf("what was packed: %v", err)
	}
	if entries, err := os.ReadDir("."); err != nil || len(entries) != 1 {
		t.Errorf("want train alone, got %v, %v", entries, err)
	}
}

// The index is made when it is missing, of other files, or damaged, and else used.
func TestIndex(t *testing.T) {
	src := t.TempDir()
	write(t, src, "a/1.jpg", "b/1.jpg", "b/2.jpg")
	dst, _, _ := packed(t, src, PackOptions{}, Options{})
	dir := filepath.Join(dst, "train")
	path := filepath.Join(dir, indexName)
	fresh := readIndex(path)
	if fresh == nil || len(fresh.entries) != 3 {
		t.Fatalf("index %+v", fresh)
	}
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// An index that is used is believed: a label changed in it shows.
	marked := *fresh
	marked.entries = slices.Clone(fresh.entries)
	marked.entries[0].Label = 1
	label := func() int {
		t.Helper()
		p, err := OpenParts(Options{Folder: dst})
		if err != nil || p.Train.Len() != 3 {
			t.Fatal(err)
		}
		return p.Train.Label(0)
	}
	if err := marked.write(path); err != nil {
		t.Fatal(err)
	}
	if label() != 1 {
		t.Error("the index is not used")
	}
	for name, spoil := range map[string]func(){
		"missing": func() { os.Remove(path) },
		"cut":     func() { os.Truncate(path, 40) },
		"foreign": func() {
			other := *fresh
			other.entries = slices.Clone(marked.entries)
			other.entries[1].Shard = 99
			other.write(path)
		},
		"flipped": func() { b := bytes.Clone(sound); b[len(b)-9] ^= 1; os.WriteFile(path, b, 0o644) },
		"other time": func() {
			marked.write(path)
			os.Chtimes(filepath.Join(dir, "000000.tar"), time.Time{}, time.Unix(1, 0))
		},
	} {
		spoil()
		if label() != 0 {
			t.Errorf("%s: the index was believed", name)
		}
	}
	if readIndex(path) == nil {
		t.Error("the index was not made again")
	}
}

// A shard cut at any byte gives the images before the cut and says so; shards of
// others' making are read.
func TestDamagedAndForeignShards(t *testing.T) {
	member := func(w *tar.Writer, name, content string) {
		if err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(content)), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	jpg, err := os.ReadFile("testdata/formats/rgb.jpg")
	if err != nil {
		t.Fatal(err)
	}
	var whole bytes.Buffer
	w := tar.NewWriter(&whole)
	for i := range 3 {
		member(w, fmt.Sprintf("dir/%d.a.jpg", i), string(jpg)) // key "0", extension "a.jpg"
		member(w, fmt.Sprintf("dir/%d.cls", i), fmt.Sprint(i, "\n"))
		member(w, fmt.Sprintf("dir/%d.json", i), "{}")
	}
	w.Close()
	dir := t.TempDir()
	open := func(content []byte) (int, []string, error) {
		put(t, dir, "x.tar", content)
		os.Remove(filepath.Join(dir, indexName))
		var notes []string
		p, err := OpenParts(Options{Folder: dir, Note: func(s string) { notes = append(notes, s) }})
		if err != nil {
			return 0, notes, err
		}
		var m views.Image
		for i := range p.Train.Len() {
			if err := p.Train.Image(i, &m); err != nil || (p.Train.Label(i) != i && p.Train.Len() > 1) || m.W != 23 {
				t.Errorf("image %d: %v, label %d", i, err, p.Train.Label(i))
			}
		}
		return p.Train.Len(), notes, nil
	}
	if n, notes, err := open(whole.Bytes()); n != 3 || len(notes) > 0 || err != nil {
		t.Errorf("%d images, notes %q, %v", n, notes, err)
	}
	sample := (whole.Len() - 1024) / 3
	for cut := 1; cut < whole.Len()-1; cut += 257 {
		n, notes, err := open(whole.Bytes()[:cut])
		least := cut / sample
		if cut < 512+len(jpg) {
			if err == nil {
				t.Errorf("cut to %d bytes: %d images", cut, n)
			}
			continue
		}
		if err != nil || n < max(least, 1) || n > least+1 || !strings.Contains(strings.Join(notes, "; "), "ends early") {
			t.Errorf("cut to %d bytes: %v, %d images, want %d; notes %q", cut, err, n, least, notes)
		}
	}

	var odd bytes.Buffer
	w = tar.NewWriter(&odd)
	member(w, "a.cls", "0")
	member(w, "a.jpg", string(jpg)) // the class may come first
	member(w, "b.cls", "1")         // no image
	member(w, "c.jpg", string(jpg)) // no class that could be
	member(w, "c.cls", "2000000000")
	member(w, "d.jpg", string(jpg))
	member(w, "d.cls", "dog")
	member(w, "e.png", string(jpg))
	member(w, "e.cls", "1")
	member(w, "f.jpg", "no image")
	member(w, "f.cls", "1")
	w.Close()
	put(t, dir, "x.tar", odd.Bytes())
	os.Remove(filepath.Join(dir, indexName))
	var notes []string
	p, err := OpenParts(Options{Folder: dir, MaxBad: 0.01, Note: func(s string) { notes = append(notes, s) }})
	if err != nil || p.Train.Len() != 3 || p.Train.Label(1) != 1 {
		t.Fatalf("%v, %d images; notes %q", err, p.Train.Len(), notes)
	}
	var m views.Image
	if err := p.Train.Image(2, &m); err != nil {
		t.Error(err)
	}
	for i, want := range []string{"member c.cls: want the number of a class, 0 to 1048575", "member d.cls: want the number of a class", "1 classes (key.cls) are without an image", "2 images without a class", "x.tar#f.jpg"} {
		if len(notes) != 5 || !strings.Contains(notes[i], want) {
			t.Fatalf("notes %q, want %q", notes, want)
		}
	}
	for _, text := range []string{"", "no tar file at all"} {
		if _, _, err := open([]byte(text)); err == nil || !strings.Contains(err.Error(), "WebDataset") {
			t.Errorf("%q as a shard: error %v", text, err)
		}
	}
}

// A tar file beside images or class folders is somebody's backup, not a shard.
func TestTarBesideImages(t *testing.T) {
	for _, name := range []string{"a/1.jpg", "1.jpg"} {
		dir := t.TempDir()
		write(t, dir, name)
		put(t, dir, "backup.tar", []byte("x"))
		if train, _, err := Open(Options{Folder: dir}); err != nil || train.Len() != 1 {
			t.Errorf("%s and backup.tar: %v", name, err)
		}
	}
}

// ImageNet-100's classes are picked out of shards of more.
func TestShardsOfImageNet100(t *testing.T) {
	src := t.TempDir()
	write(t, src, "train/n3/1.png", "train/n1/1.png", "train/n2/1.png", "val/n2/1.png", "val/n3/1.png")
	wnids := filepath.Join(t.TempDir(), "wnids")
	put(t, filepath.Dir(wnids), "wnids", []byte("n3\nn2\n"))
	_, p, _ := packed(t, src, PackOptions{}, Options{Name: "imagenet100", Imagenet100Path: wnids, CacheBytes: -1})
	if fmt.Sprint(p.Train.Classes()) != "[n2 n3]" || p.Train.Len() != 2 || p.Train.Label(0) != 0 || p.Test.Label(1) != 1 {
		t.Errorf("%v, %d images", p.Train.Classes(), p.Train.Len())
	}
	if _, ok := p.Train.(Encoded); !ok {
		t.Error("not a data.Encoded")
	}
	put(t, filepath.Dir(wnids), "wnids", []byte("n3\nn9\n"))
	if _, err := OpenParts(Options{Name: "imagenet100", Imagenet100Path: wnids, Folder: filepath.Dir(filepath.Dir(p.Train.Path(0)))}); err == nil || !strings.Contains(err.Error(), "n9 is missing") {
		t.Errorf("error %v", err)
	}
}

func FuzzShards(f *testing.F) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range []struct{ name, content string }{{"a.jpg", "no image"}, {"a.cls", "3"}, {"b/c.d.png", ""}, {"b/c.cls", "0"}} {
		w.WriteHeader(&tar.Header{Name: m.name, Size: int64(len(m.content)), Mode: 0o644})
		w.Write([]byte(m.content))
	}
	w.Close()
	f.Add(b.Bytes(), []byte(indexMagic))
	f.Fuzz(func(t *testing.T, shard, index []byte) {
		dir := t.TempDir()
		put(t, dir, "x.tar", shard)
		put(t, dir, indexName, index)
		p, err := OpenParts(Options{Folder: dir})
		if err != nil {
			return
		}
		var m views.Image
		for i := range min(10, p.Train.Len()) {
			_ = p.Train.Image(i, &m)
			if l := p.Train.Label(i); l >= len(p.Train.Classes()) || p.Train.Path(i) == "" {
				t.Errorf("image %d: label %d of %d classes", i, l, len(p.Train.Classes()))
			}
		}
	})
}
