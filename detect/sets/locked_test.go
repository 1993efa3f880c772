package sets

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"strings"
	"testing"

	"contralens/data/store"
)

// locked is a store with a folder that may not be listed.
type locked struct {
	store.Memory
	folder string
}

func (l locked) List(ctx context.Context, name string) ([]store.Entry, error) {
	if name == l.folder {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return l.Memory.List(ctx, name)
}

// A folder that cannot be listed is not reported as one without annotations.
func TestLockedFolder(t *testing.T) {
	m := store.Memory{"d/annotations/instances_train.json": nil, "d/VOCdevkit/VOC2007/Annotations/1.xml": nil}
	for _, c := range []struct{ folder, without string }{
		{"d", ""}, {"d/annotations", "d/VOCdevkit/VOC2007/Annotations/1.xml"}, {"d/VOCdevkit", "d/annotations/instances_train.json"},
	} {
		files := maps.Clone(m)
		if delete(files, c.without); c.folder == "d" {
			files = store.Memory{"d/photo.jpg": nil}
		}
		_, _, err := Open(t.Context(), Options{Store: locked{files, c.folder}, Folder: "d"})
		want := c.folder + ": want a folder that can be read, but permission denied"
		if err == nil || !strings.Contains(err.Error(), want) || !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%s: got %v, want %s", c.folder, err, want)
		}
	}
}
