package data

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

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
