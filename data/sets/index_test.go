package sets

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"contralens/data/datatest"
	"contralens/data/store"
)

// The index is made if it is missing, damaged or for other files; else it is used.
func TestIndex(t *testing.T) {
	dst := t.TempDir()
	dir := filepath.Join(dst, "train")
	jpg, err := os.ReadFile("../codec/testdata/formats/rgb.jpg")
	if err != nil {
		t.Fatal(err)
	}
	// Two shards, two classes.
	datatest.Put(t, dir, "classes.txt", []byte("a\nb\n"))
	datatest.Put(t, dir, "000000.tar", datatest.Tar(t,
		"0.jpg", string(jpg), "0.cls", "0", "1.jpg", string(jpg), "1.cls", "1"))
	datatest.Put(t, dir, "000001.tar", datatest.Tar(t, "2.jpg", string(jpg), "2.cls", "1"))
	if _, err := Open(t.Context(), Options{Folder: dst}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, indexName)
	fresh := readIndex(t.Context(), store.Disk{}, path)
	if fresh == nil || len(fresh.entries) != 3 {
		t.Fatalf("index %+v", fresh)
	}
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// The contents of a valid index are used: a label changed in it takes effect.
	marked := *fresh
	marked.entries = slices.Clone(fresh.entries)
	marked.entries[0].Label = 1
	label := func() int {
		t.Helper()
		p, err := Open(t.Context(), Options{Folder: dst})
		if err != nil || p.Train.Len() != 3 {
			t.Fatal(err)
		}
		return p.Train.Label(0)
	}
	if err := marked.write(t.Context(), store.Disk{}, path); err != nil {
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
			other.write(t.Context(), store.Disk{}, path)
		},
		"flipped": func() { b := bytes.Clone(sound); b[len(b)-9] ^= 1; os.WriteFile(path, b, 0o644) },
		"other time": func() {
			marked.write(t.Context(), store.Disk{}, path)
			os.Chtimes(filepath.Join(dir, "000000.tar"), time.Time{}, time.Unix(1, 0))
		},
	} {
		spoil()
		if label() != 0 {
			t.Errorf("%s: the index was believed", name)
		}
	}
	if readIndex(t.Context(), store.Disk{}, path) == nil {
		t.Error("the index was not made again")
	}
}
