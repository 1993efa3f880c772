package data_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"contralens/data"
	"contralens/data/datatest"
	"contralens/data/sets"
	"contralens/data/store"
	"contralens/data/store/storetest"
	"contralens/views"
)

// brokenFolder has classes a and b with n images each; the named ones are not images.
func brokenFolder(t *testing.T, n int, broken ...string) string {
	t.Helper()
	dir := t.TempDir()
	var paths []string
	for _, class := range []string{"a", "b"} {
		for i := range n {
			paths = append(paths, fmt.Sprintf("%s/%03d.png", class, i))
		}
	}
	datatest.Write(t, dir, paths...)
	for _, b := range broken {
		if err := os.WriteFile(filepath.Join(dir, b), []byte("GIF89a, or so"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// A pipe without a writer is not an image, and reading it does not block.
func TestPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe.jpg")
	if err := syscall.Mkfifo(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := sets.ReadImage(t.Context(), store.Disk{}, path, nil); err == nil ||
		!strings.Contains(err.Error(), "it is a pipe") {
		t.Errorf("error %v", err)
	}
}

// A broken image is reported once and replaced by the next one of its class, whatever
// the number of workers.
func TestBrokenImagesAreReplaced(t *testing.T) {
	dir := brokenFolder(t, 20, "a/003.png", "a/004.png", "a/019.png")
	var first []string
	for _, workers := range []int{1, 2, 7} {
		var notes []string
		var mu sync.Mutex
		train, err := openTrain(t, sets.Options{Folder: dir, MaxBad: 0.1, Note: func(s string) {
			mu.Lock()
			defer mu.Unlock()
			notes = append(notes, s)
		}})
		if err != nil {
			t.Fatal(err)
		}
		o := datatest.Options(workers)
		o.Dataset = train
		got := append(datatest.Epoch(t, o), datatest.Epoch(t, o)...)
		if first == nil {
			first = got
		}
		if !slices.Equal(got, first) {
			t.Errorf("%d workers give other batches than 1", workers)
		}
		if len(notes) != 3 || !slices.Equal(data.Unreadable(train), []int{3, 4, 19}) {
			t.Errorf("%d workers: %d notes and %v counted, want 3: %q", workers, len(notes), data.Unreadable(train), notes)
		}
		var m, want views.Image
		for i, standIn := range map[int]int{3: 5, 4: 5, 19: 0} {
			if err := train.Image(t.Context(), i, &m); err != nil {
				t.Fatal(err)
			}
			if err := train.Image(t.Context(), standIn, &want); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(m.Pix, want.Pix) {
				t.Errorf("image %d is not replaced by image %d", i, standIn)
			}
		}
	}
}

func TestTooManyBrokenImages(t *testing.T) {
	for _, tc := range []struct {
		share  float64
		broken []string
		want   string // "" for none
	}{
		{0.01, []string{"b/001.png"}, ""}, // one is always allowed
		{0.01, []string{"b/001.png", "a/002.png"}, "2 of 20 images cannot be read, but a share of 0.01 allows only 1"},
		{0.1, []string{"b/001.png", "a/002.png"}, ""},
		{0, []string{"b/001.png"}, "b/001.png: want a JPEG"},
		{1, []string{"a/000.png", "a/001.png", "a/002.png", "a/003.png", "a/004.png", "a/005.png", "a/006.png",
			"a/007.png", "a/008.png", "a/009.png"}, `readable image in class "a"`},
	} {
		train, err := openTrain(t, sets.Options{Folder: brokenFolder(t, 10, tc.broken...), MaxBad: tc.share})
		if err != nil {
			t.Fatal(err)
		}
		var m views.Image
		for i := range train.Len() {
			if err = train.Image(t.Context(), i, &m); err != nil {
				break
			}
		}
		if (err == nil) != (tc.want == "") || (err != nil && !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("a share of %v, %d broken: error %v, want %q", tc.share, len(tc.broken), err, tc.want)
		}
	}
}

// The files of all wrappers are those of the dataset itself.
func TestFilesThroughWrappers(t *testing.T) {
	dir := brokenFolder(t, 5)
	train, err := openTrain(t, sets.Options{Folder: dir, MaxBad: 0.1, Limit: 6, CacheBytes: -1})
	if err != nil {
		t.Fatal(err)
	}
	f, ok := train.(data.Files)
	if !ok {
		t.Fatal("not data.Files")
	}
	var buf []byte
	for i := range train.Len() {
		want, err := os.ReadFile(train.Path(i))
		if err != nil {
			t.Fatal(err)
		}
		if buf, err = f.File(t.Context(), i, buf); err != nil || !bytes.Equal(buf, want) {
			t.Errorf("%s: %v, other bytes", train.Path(i), err)
		}
	}
}

// Images that are not read because the context ended are not unreadable.
func TestStopIsNoBrokenImage(t *testing.T) {
	slow := &storetest.Store{Store: store.Disk{}}
	p, err := sets.Open(t.Context(), sets.Options{Folder: brokenFolder(t, 5), MaxBad: 1, Store: slow, CacheBytes: -1,
		Note: func(s string) { t.Error(s) }})
	if err != nil {
		t.Fatal(err)
	}
	gray, placeholder := data.WithPlaceholder(p.Train, func(err error) { t.Error(err) })
	slow.Delay = time.Hour
	for _, d := range []data.Dataset{p.Train, gray} {
		ctx, stop := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer stop()
		var m views.Image
		if err := d.Image(ctx, 2, &m); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want that of the context", err)
		}
	}
	if n := len(data.Unreadable(p.Train)) + placeholder.Count(); n != 0 {
		t.Errorf("%d images count as unreadable", n)
	}
}

// A placeholder is gray, and remembers which images it replaces.
func TestPlaceholder(t *testing.T) {
	train, err := openTrain(t, sets.Options{Folder: brokenFolder(t, 3, "a/001.png")})
	if err != nil {
		t.Fatal(err)
	}
	var notes []error
	d, placeholder := data.WithPlaceholder(train, func(err error) { notes = append(notes, err) })
	var m views.Image
	for range 2 {
		for i := range d.Len() {
			if err := d.Image(t.Context(), i, &m); err != nil || placeholder.Unreadable(i) != (i == 1) {
				t.Errorf("image %d: %v, unreadable %v", i, err, placeholder.Unreadable(i))
			}
			if gray := m.W == 1 && bytes.Equal(m.Pix, []byte{128, 128, 128}); gray != (i == 1) {
				t.Errorf("image %d: gray %v", i, gray)
			}
		}
	}
	if _, ok := d.(data.Files); !ok || len(notes) != 1 || placeholder.Count() != 1 {
		t.Errorf("%d notes, %d counted, files %v", len(notes), placeholder.Count(), ok)
	}
}
