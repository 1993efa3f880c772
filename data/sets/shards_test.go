package sets

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contralens/data/datatest"
	"contralens/views"
)

// A shard that is truncated at any byte gives the images before that, and reports it.
// Shards made by other programs are read.
func TestDamagedAndForeignShards(t *testing.T) {
	member := func(w *tar.Writer, name, content string) {
		if err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(content)), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	jpg, err := os.ReadFile("../codec/testdata/formats/rgb.jpg")
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
		datatest.Put(t, dir, "x.tar", content)
		os.Remove(filepath.Join(dir, indexName))
		var notes []string
		p, err := Open(t.Context(), Options{Folder: dir, Note: func(s string) { notes = append(notes, s) }})
		if err != nil {
			return 0, notes, err
		}
		var m views.Image
		for i := range p.Train.Len() {
			if err := p.Train.Image(t.Context(), i, &m); err != nil || (p.Train.Label(i) != i && p.Train.Len() > 1) ||
				m.W != 23 {
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
	member(w, "c.jpg", string(jpg)) // not the number of a class
	member(w, "c.cls", "2000000000")
	member(w, "d.jpg", string(jpg))
	member(w, "d.cls", "dog")
	member(w, "e.png", string(jpg))
	member(w, "e.cls", "1")
	member(w, "f.jpg", "no image")
	member(w, "f.cls", "1")
	w.Close()
	datatest.Put(t, dir, "x.tar", odd.Bytes())
	os.Remove(filepath.Join(dir, indexName))
	var notes []string
	p, err := Open(t.Context(), Options{Folder: dir, MaxBad: 0.01, Note: func(s string) { notes = append(notes, s) }})
	if err != nil || p.Train.Len() != 3 || p.Train.Label(1) != 1 {
		t.Fatalf("%v, %d images; notes %q", err, p.Train.Len(), notes)
	}
	var m views.Image
	if err := p.Train.Image(t.Context(), 2, &m); err != nil {
		t.Error(err)
	}
	for i, want := range []string{"member c.cls: want the number of a class, 0 to 1048575",
		"member d.cls: want the number of a class", "1 class files (key.cls) have no image",
		"2 images without a class", "x.tar#f.jpg"} {
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

// A tar file beside images or class folders is someone's backup, not a shard.
func TestTarBesideImages(t *testing.T) {
	for _, name := range []string{"a/1.jpg", "1.jpg"} {
		dir := t.TempDir()
		datatest.Write(t, dir, name)
		datatest.Put(t, dir, "backup.tar", []byte("x"))
		if train, _, err := opened(t, Options{Folder: dir}); err != nil || train.Len() != 1 {
			t.Errorf("%s and backup.tar: %v", name, err)
		}
	}
}

func FuzzShards(f *testing.F) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range []struct{ name, content string }{{"a.jpg", "no image"}, {"a.cls", "3"}, {"b/c.d.png", ""},
		{"b/c.cls", "0"}} {
		w.WriteHeader(&tar.Header{Name: m.name, Size: int64(len(m.content)), Mode: 0o644})
		w.Write([]byte(m.content))
	}
	w.Close()
	f.Add(b.Bytes(), []byte(indexMagic))
	f.Fuzz(func(t *testing.T, shard, index []byte) {
		dir := t.TempDir()
		datatest.Put(t, dir, "x.tar", shard)
		datatest.Put(t, dir, indexName, index)
		p, err := Open(t.Context(), Options{Folder: dir})
		if err != nil {
			return
		}
		var m views.Image
		for i := range min(10, p.Train.Len()) {
			_ = p.Train.Image(t.Context(), i, &m)
			if l := p.Train.Label(i); l >= len(p.Train.Classes()) || p.Train.Path(i) == "" {
				t.Errorf("image %d: label %d of %d classes", i, l, len(p.Train.Classes()))
			}
		}
	})
}
