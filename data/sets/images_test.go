package sets

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"contralens/data"
	"contralens/data/codec"
	"contralens/data/datatest"
	"contralens/data/store"
	"contralens/views"
)

// Images says what it leaves out, as Open does.
func TestImagesNotes(t *testing.T) {
	dir := t.TempDir()
	datatest.Write(t, dir, "a/1.jpg", "2.png")
	datatest.Put(t, dir, "a/3.heic", []byte("x"))
	var notes []string
	d, err := Images(t.Context(), store.Disk{}, dir, &codec.Decoder{Note: func(s string) { notes = append(notes, s) }})
	if err != nil || d.Len() != 2 || len(notes) != 1 || !strings.Contains(notes[0], "1 file is left out") ||
		!strings.Contains(notes[0], "1 .heic") {
		t.Errorf("%v, notes %q", err, notes)
	}
}

// A dataset from outside, made by FromFiles, is decoded as the options say.
func TestFromFilesIsDecodedAsAsked(t *testing.T) {
	dir := t.TempDir()
	datatest.Put(t, dir, "1.png", []byte("\x89PNG\r\n\x1a\n cut"))
	registered = append(registered, set{name: "outside", open: func(_ context.Context, o Options) (p data.Splits, err error) {
		p.Train, err = FromFiles(o.Store, "outside", []string{filepath.Join(dir, "1.png")}, nil, nil)
		return p, err
	}})
	defer func() { registered = registered[:len(registered)-1] }()
	p, err := Open(t.Context(), Options{Name: "outside", Folder: dir, Gray16: codec.RangeGray16})
	if err != nil {
		t.Fatal(err)
	}
	if f, ok := p.Train.(data.Files); !ok || f.Decoder() == nil || f.Decoder().Gray16 != codec.RangeGray16 {
		t.Error("the dataset has no decoder, or another one")
	}
	var m views.Image
	if err := p.Train.Image(t.Context(), 0, &m); err == nil || !strings.Contains(err.Error(), "1.png") {
		t.Errorf("a cut file: %v", err)
	}
}
