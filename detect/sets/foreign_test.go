package sets

import (
	"context"
	"errors"
	"testing"

	"contralens/data"
	"contralens/data/store"
)

// Annotations of images that the file does not have are counted apart: there may be more of them than
// images, which would say that more images are damaged than there are.
func TestForeignAnnotations(t *testing.T) {
	m := store.Memory{"c/a.json": []byte(`{"images": [{"id": 1, "file_name": "a.jpg", "width": 9, "height": 9},
		{"id": 2, "file_name": "b.jpg", "width": 9, "height": 9}], "categories": [{"id": 1, "name": "cat"}], "annotations": [
		{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 3, 3]}, {"id": 2, "image_id": 2, "category_id": 1, "bbox": [1, 1, 0, 3]},
		{"id": 3, "image_id": 7, "category_id": 1, "bbox": [1, 1, 3, 3]}, {"id": 4, "image_id": 7, "category_id": 1, "bbox": [1, 1, 3, 3]},
		{"id": 5, "image_id": 8, "category_id": 1, "bbox": [1, 1, 3, 3]}, {"id": 6, "image_id": 9, "category_id": 1, "bbox": "all"}]}`),
		"c/a.jpg": []byte("x"), "c/b.jpg": []byte("x")}
	set, report := mustOpen(t, Options{Store: m, Folder: "c/a.json", MaxBad: 1})
	if s := describe(set, report); s.Damaged != 1 || s.Foreign != 4 || s.Listed != 2 || s.Objects != 1 || len(s.Problems) != 5 {
		t.Errorf("%+v", s)
	}
	var many *data.TooManyUnreadable
	if _, _, err := Open(context.Background(), Options{Store: m, Folder: "c/a.json", MaxBad: 0.5}); !errors.As(err, &many) || many.Unreadable != 2 {
		t.Errorf("half of the images may be damaged: %v", err)
	}
}
