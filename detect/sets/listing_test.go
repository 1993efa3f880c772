package sets

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"path"
	"strings"
	"testing"

	"contralens/data/store"
	"contralens/detect"
	"contralens/detect/detecttest"
)

// closed is a store with a folder that cannot be listed, as with permissions that are missing.
type closed struct {
	store.Memory
	folder string
}

func (s closed) List(ctx context.Context, name string) ([]store.Entry, error) {
	if path.Clean(name) == s.folder {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return s.Memory.List(ctx, name)
}

// A folder that cannot be listed is not taken for an empty one: the error says which and why.
func TestFoldersThatCannotBeListed(t *testing.T) {
	ctx := context.Background()
	scenes := detecttest.Scenes(4, 30, 20, 1)
	voc, coco := store.Memory(detecttest.VOC(scenes)), store.Memory(detecttest.COCO(scenes))
	for _, c := range []struct {
		m              store.Memory
		folder, format string
	}{
		{voc, "ImageSets/Main", detect.VOC}, {coco, "annotations", detect.COCO}, {coco, "annotations", ""},
		{coco, "train", detect.COCO},
	} {
		_, _, err := Open(ctx, Options{Store: closed{c.m, c.folder}, Format: c.format})
		if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), c.folder+": want a folder that can be read, but") {
			t.Errorf("folder %s: %v", c.folder, err)
		}
		if c.folder == "train" {
			continue // images
		}
		if names, err := Splits(ctx, Options{Store: closed{c.m, c.folder}, Format: c.format}); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("folder %s: splits %v, %v", c.folder, names, err)
		}
	}
}

// Images in a folder that cannot be listed are left out with that reason, beside those of others.
func TestImagesThatCannotBeListed(t *testing.T) {
	m := store.Memory{
		"c/a.json": []byte(`{"images": [{"id": 1, "file_name": "x/a.jpg", "width": 9, "height": 9},
			{"id": 2, "file_name": "y/b.jpg", "width": 9, "height": 9}, {"id": 3, "file_name": "y/c.jpg", "width": 9, "height": 9}],
			"annotations": [], "categories": [{"id": 1, "name": "cat"}]}`),
		"c/x/a.jpg": []byte("x"), "c/y/b.jpg": []byte("x"),
	}
	set, report := mustOpen(t, Options{Store: closed{m, "c/x"}, Folder: "c/a.json", MaxBad: 1})
	if len(set.Images) != 1 || len(report.Problems) != 2 {
		t.Fatalf("%+v, %+v", set.Images, report.Problems)
	}
	for i, want := range []string{"folder c/x: want a folder that can be read", "want a file of that name, found none"} {
		if got := report.Problems[i].Err.Error(); !strings.Contains(got, want) {
			t.Errorf("%s, want %q", got, want)
		}
	}
	all := maps.Clone(m)
	delete(all, "c/y/b.jpg")
	_, _, err := Open(context.Background(), Options{Store: closed{all, "c/x"}, Folder: "c/a.json", MaxBad: 1})
	if err == nil || !strings.Contains(err.Error(), "found none; folder c/x: want a folder that can be read") {
		t.Error(err)
	}
}
