package score

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"contralens/data/store"
	"contralens/detect"
	"contralens/detect/detecttest"
	"contralens/detect/mask"
	"contralens/detect/sets"
)

// generated returns generated images with objects and polygons.
func generated(t *testing.T, n int) *detect.Set {
	t.Helper()
	files := store.Memory(detecttest.COCO(detecttest.Scenes(n, 200, 160, 3)))
	set, _, err := sets.Open(context.Background(), sets.Options{Store: files, Split: "train"})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// exact returns the objects themselves as detections.
func exact(t *testing.T, set *detect.Set) [][]detect.Detection {
	t.Helper()
	found := make([][]detect.Detection, len(set.Images))
	for i, m := range set.Images {
		for k, o := range m.Objects {
			d := detect.Detection{Class: int32(o.Class), Score: 1 - float32(i*10+k)/1e4}
			for j, v := range o.Box {
				d.Box[j] = float32(v)
			}
			var err error
			if d.Mask, err = o.Shape.Mask(m.Height, m.Width); err != nil {
				t.Fatal(err)
			}
			found[i] = append(found[i], d)
		}
	}
	return found
}

// judges are all evaluators.
func judges() map[string]func(*detect.Set, [][]detect.Detection) (*Result, error) {
	ctx := context.Background()
	return map[string]func(*detect.Set, [][]detect.Detection) (*Result, error){
		"VOC 11 points": func(s *detect.Set, f [][]detect.Detection) (*Result, error) { return VOC(s, f, true) },
		"VOC area":      func(s *detect.Set, f [][]detect.Detection) (*Result, error) { return VOC(s, f, false) },
		"COCO boxes":    func(s *detect.Set, f [][]detect.Detection) (*Result, error) { return COCO(ctx, s, f, Boxes) },
		"COCO masks":    func(s *detect.Set, f [][]detect.Detection) (*Result, error) { return COCO(ctx, s, f, Masks) },
	}
}

// Perfect detections have AP 100, none have 0, and the wrong class has 0.
func TestExtremes(t *testing.T) {
	set := generated(t, 12)
	perfect := exact(t, set)
	wrong := exact(t, set)
	for _, list := range wrong {
		for i := range list {
			list[i].Box[0], list[i].Box[1] = list[i].Box[2]-1, list[i].Box[3]-1
			list[i].Mask = nil
		}
	}
	for name, judge := range judges() {
		for what, c := range map[string]struct {
			found [][]detect.Detection
			want  float64
		}{"perfect": {perfect, 100}, "nothing": {make([][]detect.Detection, len(set.Images)), 0}, "elsewhere": {wrong, 0}} {
			r, err := judge(set, c.found)
			if what == "elsewhere" && name == "COCO masks" {
				if err == nil || !strings.Contains(err.Error(), "want a mask") {
					t.Errorf("%s without masks: %v", name, err)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			near(t, name+", "+what, r.Metric("AP"), c.want)
			near(t, name+", "+what, r.Metric("AP50"), c.want)
			near(t, name+", "+what, r.Classes[1].AP75, c.want)
		}
		if _, err := judge(set, perfect[1:]); err == nil {
			t.Errorf("%s: want an error for too few images", name)
		}
	}
}

// Without ties the order of the images does not matter.
func TestOrderOfImages(t *testing.T) {
	set := generated(t, 24)
	found := exact(t, set)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range found {
		for k := range found[i] {
			d := &found[i][k]
			d.Box[r.IntN(4)] += float32(r.IntN(9)) - 4
			b := [4]float64{float64(d.Box[0]), float64(d.Box[1]), float64(d.Box[2] - d.Box[0]), float64(d.Box[3] - d.Box[1])}
			var err error
			if d.Mask, err = mask.FromBox(b, set.Images[i].Height, set.Images[i].Width); err != nil {
				t.Fatal(err)
			}
			d.Score = float32(r.IntN(990))/1000 + 0.001
		}
	}
	used := map[float32]bool{}
	for i := range found {
		for k := range found[i] {
			for used[found[i][k].Score] {
				found[i][k].Score += 0.001
			}
			used[found[i][k].Score] = true
		}
	}
	order := r.Perm(len(found))
	mixed := *set
	mixed.Images = make([]detect.Image, len(order))
	list := make([][]detect.Detection, len(order))
	for i, at := range order {
		mixed.Images[i], list[i] = set.Images[at], found[at]
	}
	for name, judge := range judges() {
		a, err := judge(set, found)
		if err != nil {
			t.Fatal(err)
		}
		b, err := judge(&mixed, list)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(a.Curves, b.Curves) || a.Metric("AP") != b.Metric("AP") {
			t.Errorf("%s depends on the order: AP %v and %v", name, a.Metric("AP"), b.Metric("AP"))
		}
		if ap := a.Metric("AP"); !(ap > 5 && ap < 99) {
			t.Errorf("%s: AP %v tells nothing", name, ap)
		}
	}
}

// Among equal scores the image that comes first counts first.
func TestTiesAreStable(t *testing.T) {
	set := &detect.Set{Classes: []string{"a"}, Images: make([]detect.Image, 40)}
	found := make([][]detect.Detection, 40)
	for i := range found {
		set.Images[i].ID = fmt.Sprint(i)
		d := detect.Detection{Box: [4]float32{0, 0, 9, 9}, Score: 0.50001}
		if i < 20 { // right ones first
			set.Images[i].Objects = []detect.Object{{Box: [4]float64{0, 0, 9, 9}}}
		}
		found[i] = []detect.Detection{d}
	}
	r, err := VOC(set, found, false)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "right ones first", r.Metric("AP"), 100)
	found[39][0].Score = 0.5004 // equal after rounding to 3 decimals
	if r, err = VOC(set, found, false); err != nil {
		t.Fatal(err)
	}
	near(t, "rounded scores", r.Metric("AP"), 100)
	found[39][0].Score = 0.501
	if r, err = VOC(set, found, false); err != nil {
		t.Fatal(err)
	}
	if ap := r.Metric("AP"); !(ap < 100) {
		t.Errorf("a wrong one first: AP %v", ap)
	}
}

// Difficult objects are neither wanted nor punished, and a second detection of an object is.
func TestDifficultAndRepeated(t *testing.T) {
	set := &detect.Set{Classes: []string{"a"}, Images: []detect.Image{{ID: "x", Objects: []detect.Object{
		{Box: [4]float64{0, 0, 10, 10}}, {Box: [4]float64{20, 0, 30, 10}, Difficult: true}, {Box: [4]float64{40.4, 0, 50, 10}},
	}}}}
	box := func(x, score float32) detect.Detection {
		return detect.Detection{Box: [4]float32{x, 0, x + 10, 10}, Score: score}
	}
	found := [][]detect.Detection{{box(20, 0.9), box(20, 0.8), box(0, 0.7), box(0, 0.6), box(40, 0.5)}}
	r, err := VOC(set, found, false)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "AP50", r.Metric("AP50"), 100*(0.5+0.5*2/3))
	if r.Classes[0].Objects != 2 || r.Rounded != 1 || len(r.Curves[0].Recall) != 5 {
		t.Errorf("%+v, %d rounded", r.Classes, r.Rounded)
	}
	near(t, "eleven points", mustVOC(t, set, found).Metric("AP50"), 100*(6+5*2.0/3)/11)
}

func mustVOC(t *testing.T, set *detect.Set, found [][]detect.Detection) *Result {
	t.Helper()
	r, err := VOC(set, found, true)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// VOC's files have the lines that the official tools read.
func TestWriteVOC(t *testing.T) {
	set := &detect.Set{Classes: []string{"cat", "dog"}, Images: []detect.Image{{ID: "000001"}, {ID: "2008_2"}}}
	found := [][]detect.Detection{
		{{Class: 1, Score: 0.98765, Box: [4]float32{0, 1.25, 10.04, 20.06}}},
		{{Class: 1, Score: 0.5, Box: [4]float32{4, 5, 6, 7}}, {Class: 1, Score: 1e-5, Box: [4]float32{4, 5, 6, 7}}},
	}
	dir := t.TempDir()
	if err := WriteVOC(dir, set, found); err != nil {
		t.Fatal(err)
	}
	for class, want := range map[string]string{
		"cat": "", "dog": "000001 0.988 1.0 2.2 10.0 20.1\n2008_2 0.500 5.0 6.0 6.0 7.0\n2008_2 0.000 5.0 6.0 6.0 7.0\n",
	} {
		b, err := os.ReadFile(filepath.Join(dir, "comp4_det_test_"+class+".txt"))
		if err != nil || string(b) != want {
			t.Errorf("%s: %q, %v; want %q", class, b, err, want)
		}
	}
}

func TestWrongResults(t *testing.T) {
	set := &detect.Set{Name: "val", Classes: []string{"a"}, Categories: []int64{7}, NumericIDs: true, Images: []detect.Image{{ID: "3", Width: 4, Height: 4}}}
	for text, want := range map[string]string{
		`{}`: "want a JSON list", `[{"image_id": 3}`: "want a category of val, got 0",
		`[{"image_id": 4, "category_id": 7}]`:                                                               "want an image of val, got 4",
		`[{"image_id": 3, "category_id": 7, "bbox": [1, 2, 3, 4]}]`:                                         "want a score",
		`[{"image_id": 3, "category_id": 7, "bbox": [1, 2], "score": 1}]`:                                   "want a bbox of 4 numbers, got 2",
		`[{"image_id": 3, "category_id": 7, "score": 1}]`:                                                   "want a bbox of 4 numbers, got 0",
		`[{"image_id": 3, "category_id": 7, "score": 1, "segmentation": {"size": [4, 4], "counts": "z"}}]`:  "detection 1: mask",
		`[{"image_id": 3, "category_id": 7, "score": 1, "segmentation": {"size": [4, 5], "counts": [20]}}]`: "want a mask of the 4 x 4 pixels of image 3, got 5 x 4",
		`[{"image_id": 3, "category_id": 7, "bbox": [1, 2, 3, 4], "score": 1}`:                              "after detection 1",
	} {
		if _, err := ReadResults(strings.NewReader(text), set); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	list, err := ReadResults(strings.NewReader(`[{"image_id": 3, "category_id": 7, "score": 1, "segmentation": {"size": [4, 4], "counts": [5, 2, 9]}}]`), set)
	if err != nil || list[0].Box != [4]float64{1, 1, 1, 2} {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := Judge(context.Background(), set, []Entry{{Image: "3", Class: 2}}, Boxes); err == nil {
		t.Error("want an error for a wrong class")
	}
}
