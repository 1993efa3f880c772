package sets

import (
	"context"
	"math"
	"testing"

	"contralens/data/store"
	"contralens/detect"
	"contralens/detect/detecttest"
)

// sound fails the test unless every object of a set can be used.
func sound(t *testing.T, set *detect.Set) {
	for _, m := range set.Images {
		if m.Width < 1 || m.Height < 1 || m.Width > maxSide || m.Height > maxSide {
			t.Fatalf("image %s of %d x %d pixels", m.ID, m.Width, m.Height)
		}
		for _, o := range m.Objects {
			b := o.Box
			if o.Class < 0 || o.Class >= len(set.Classes) || !(b[0] < b[2] && b[1] < b[3]) || math.IsNaN(o.Area) ||
				b[0] >= float64(m.Width) || b[2] <= 0 || b[1] >= float64(m.Height) || b[3] <= 0 {
				t.Fatalf("image %s: object %+v", m.ID, o)
			}
			if r := o.Shape.RLE; r != nil && (r.Check() != nil || r.Width != m.Width || r.Height != m.Height) {
				t.Fatalf("image %s: mask of %d x %d", m.ID, r.Width, r.Height)
			}
		}
	}
}

// No annotation makes Open panic, and no unusable object comes out of it.
func FuzzVOC(f *testing.F) {
	scene := detecttest.Scenes(1, 60, 40, 1)[0]
	f.Add(scene.XML())
	f.Add(xmlOf("dog 1e3 NaN -Inf 7"))
	f.Add([]byte(`<?xml version="1.0" encoding="latin1"?><annotation><size><width>1e300</width></size><object/></annotation>`))
	f.Fuzz(func(t *testing.T, file []byte) {
		m := store.Memory{"d/Annotations/a.xml": file, "d/JPEGImages/a.jpg": []byte("x")}
		if set, _, err := Open(context.Background(), Options{Store: m, Folder: "d", MaxBad: 1}); err == nil {
			sound(t, set)
		}
	})
}

// The same for JSON.
func FuzzCOCO(f *testing.F) {
	files := detecttest.COCO(detecttest.Scenes(4, 60, 40, 1))
	f.Add(files["annotations/instances_train.json"])
	f.Add([]byte(`{"images": [{"id": 1, "file_name": "001.png", "width": 2, "height": 3}], "categories": [{"id": -1, "name": ""}],
		"annotations": [{"image_id": 1, "category_id": -1, "bbox": [0, 0, 1, 1e400], "segmentation": {"size": [3, 2], "counts": "6"}}]}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		m := store.Memory{"a.json": file, "001.png": []byte("x"), "002.png": []byte("x")}
		if set, _, err := Open(context.Background(), Options{Store: m, Folder: "a.json", MaxBad: 1}); err == nil {
			sound(t, set)
		}
	})
}
