package score

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"contralens/data/store"
	"contralens/detect/mask"
	"contralens/detect/sets"
)

// outline returns a polygon of 3 to 8 points around anywhere in an image, and its box.
func outline(r *rand.Rand, width, height int) (polygon, box []float64) {
	w, h := float64(width), float64(height)
	cx, cy, size := r.Float64()*w, r.Float64()*h, 5+r.Float64()*w*0.7
	for range 3 + r.IntN(6) {
		polygon = append(polygon, cx+(r.Float64()-0.5)*size, cy+(r.Float64()-0.5)*size)
	}
	return polygon, around(polygon)
}

// around returns the box x, y, width, height of a polygon.
func around(p []float64) []float64 {
	x0, y0, x1, y1 := p[0], p[1], p[0], p[1]
	for i := 0; i < len(p); i += 2 {
		x0, x1, y0, y1 = min(x0, p[i]), max(x1, p[i]), min(y0, p[i+1]), max(y1, p[i+1])
	}
	return []float64{x0, y0, x1 - x0, y1 - y0}
}

// randomCase returns annotations and results of 60 images: objects of two polygons, many beyond
// the image, crowds, four categories out of order, tied scores, wrong categories.
func randomCase(t *testing.T) (annotations, results []byte) {
	t.Helper()
	r := rand.New(rand.NewPCG(9, 9))
	var images, objects, found []any
	for i := range 60 {
		w, h := 200+r.IntN(200), 150+r.IntN(200)
		images = append(images, map[string]any{"id": i + 1, "file_name": fmt.Sprintf("%d.jpg", i), "width": w, "height": h})
		coded := func(polygons ...[]float64) *mask.RLE {
			m, err := (mask.Shape{Polygons: polygons}).Mask(h, w)
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		for range r.IntN(8) {
			p, box := outline(r, w, h)
			if box[0] >= float64(w) || box[1] >= float64(h) || box[0]+box[2] <= 0 || box[1]+box[3] <= 0 {
				continue
			}
			second, _ := outline(r, w, h)
			category := []int{3, 11, 12, 90}[r.IntN(4)]
			m := coded(p, second)
			object := map[string]any{
				"id": len(objects) + 1, "image_id": i + 1, "category_id": category, "bbox": box, "area": m.Area(),
				"iscrowd": 0, "segmentation": [][]float64{p, second},
			}
			if r.IntN(8) == 0 {
				object["iscrowd"], object["segmentation"] = 1, map[string]any{"size": []int{h, w}, "counts": m.Counts}
			}
			objects = append(objects, object)
			for range r.IntN(4) {
				q := make([]float64, len(p))
				for k := range q {
					q[k] = p[k] + (r.Float64()-0.5)*12
				}
				if r.IntN(6) == 0 {
					category = 11
				}
				found = append(found, map[string]any{
					"image_id": i + 1, "category_id": category, "bbox": around(q), "score": float64(r.IntN(50)) / 50,
					"segmentation": coded(q),
				})
			}
		}
	}
	text := func(v any) []byte {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	categories := []any{}
	for _, id := range []int{90, 3, 12, 11} {
		categories = append(categories, map[string]any{"id": id, "name": fmt.Sprint("class ", id)})
	}
	return text(map[string]any{"images": images, "annotations": objects, "categories": categories}), text(found)
}

// These are the statistics that pycocotools 2.0.11 computes from randomCase.
var randomStats = map[Kind][12]float64{
	Boxes: {
		0.23913811098132143, 0.3831641909125459, 0.262187663607905, 0.1427555262394371, 0.3253538054645372, 0.3234873402200901,
		0.31899418604651164, 0.43789728682170537, 0.43789728682170537, 0.2928030303030303, 0.46557033652621893, 0.6466666666666667,
	},
	Masks: {
		0.0209168806868727, 0.05434186202482377, 0.013678273747538001, 0.006577532753275328, 0.03819202031898045, 0.21633663366336633,
		0.06818863049095607, 0.10273901808785531, 0.10273901808785531, 0.045454545454545456, 0.11210799004916652, 0.22208333333333333,
	},
}

func TestRandomCase(t *testing.T) {
	annotations, results := randomCase(t)
	files := store.Memory{"gt.json": annotations}
	for i := range 60 {
		files[fmt.Sprintf("%d.jpg", i)] = []byte("x")
	}
	ctx := context.Background()
	set, report, err := sets.Open(ctx, sets.Options{Store: files, Folder: "gt.json"})
	if err != nil || report.Beyond < 50 {
		t.Fatal(report, err)
	}
	entries, err := ReadResults(bytes.NewReader(results), set)
	if err != nil || len(entries) < 200 {
		t.Fatal(len(entries), err)
	}
	for kind, want := range randomStats {
		r, err := Judge(ctx, set, entries, kind)
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range r.Metrics {
			if d := math.Abs(m.Value/100 - want[i]); !(d <= 1e-12) {
				t.Errorf("kind %d, %s: %v, want %v", kind, m.Name, m.Value/100, want[i])
			}
		}
	}
}
