package score

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"contralens/data/store"
	"contralens/detect"
	"contralens/detect/sets"
	"contralens/internal/golden"
)

// near fails the test if two numbers differ by more than rounding; NaN equals NaN.
func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if d := math.Abs(got - want); !(d <= 1e-12*max(1, math.Abs(want))) && !(math.IsNaN(got) && math.IsNaN(want)) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// vocGolden returns the objects and detections of the case.
func vocGolden(t *testing.T) (*golden.Case, *detect.Set, [][]detect.Detection) {
	c := golden.Load(t, "detection", "eval", "voc")
	set := &detect.Set{Name: "golden", Format: detect.VOC, Images: make([]detect.Image, 40)}
	var p struct{ Classes []string }
	c.Decode(c.Params, &p)
	set.Classes = p.Classes
	for i := range set.Images {
		set.Images[i].ID = fmt.Sprintf("%06d", i)
	}
	truths, found := c.Array("gt"), make([][]detect.Detection, 40)
	for n := range truths.Shape[0] {
		r := truths.F64[7*n:]
		m := &set.Images[int(r[0])]
		m.Objects = append(m.Objects, detect.Object{
			Class: int(r[1]), Difficult: r[2] == 1, Box: [4]float64{r[3] - 1, r[4] - 1, r[5], r[6]},
		})
	}
	detections := c.Array("detections")
	for n := range detections.Shape[0] {
		r := detections.F64[7*n:]
		found[int(r[0])] = append(found[int(r[0])], detect.Detection{
			Class: int32(r[1]), Score: float32(r[2]),
			Box: [4]float32{float32(r[3]), float32(r[4]), float32(r[5]), float32(r[6])},
		})
	}
	return c, set, found
}

// Each class equals Detectron2's evaluator with a stable sort. Its means count a class without
// objects as 0 (2007) or NaN (area); ours leave it out.
func TestVOCGolden(t *testing.T) {
	c, set, found := vocGolden(t)
	var results map[string]map[string]*float64
	c.Decode(c.Results, &results)
	for _, rule := range []string{"2007", "2012"} {
		want, classes := results[rule+"_stable"], results[rule+"_stable_classes"]
		r, err := VOC(set, found, rule == "2007")
		if err != nil {
			t.Fatal(err)
		}
		held := 0
		for _, threshold := range hundredths {
			for k, name := range set.Classes {
				ap := classes[fmt.Sprintf("%s@%g", name, threshold)]
				truths, _ := vocTruths(set)
				objects := 0
				for _, m := range truths[k] {
					objects += m.wanted()
				}
				if objects == 0 {
					continue
				}
				recall, precision := vocCurve(vocRank(found, k, truths[k]), truths[k], objects, threshold)
				near(t, fmt.Sprintf("%s %s at %v", rule, name, threshold), averagePrecision(recall, precision, rule == "2007"), *ap)
				held++
			}
		}
		if held != 30 {
			t.Errorf("%s: %d numbers of classes were held, want 30", rule, held)
		}
		if rule == "2007" { // there one of four classes counts as 0
			for _, name := range []string{"AP", "AP50", "AP75"} {
				near(t, name, r.Metric(name)*3/4, *want[name])
			}
		}
		if !math.IsNaN(r.Classes[3].AP) || r.Classes[3].Objects != 0 || len(r.Curves) != 6 || r.Rounded != 0 {
			t.Errorf("class without objects: %+v, %d curves, %d rounded", r.Classes[3], len(r.Curves), r.Rounded)
		}
	}
}

// cocoGolden returns the set and the results of the case.
func cocoGolden(t *testing.T) (*golden.Case, *detect.Set, []Entry) {
	c := golden.Load(t, "detection", "eval", "coco")
	read := func(name string) []byte {
		b, err := os.ReadFile(golden.Path(t, "detection", "eval", "coco", name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	files := store.Memory{"gt.json": read("gt.json")}
	for i := range 100 {
		files[fmt.Sprintf("%d.jpg", i)] = []byte("x")
	}
	set, report, err := sets.Open(context.Background(), sets.Options{Store: files, Folder: "gt.json"})
	if err != nil || report.Damaged != 0 {
		t.Fatal(report, err)
	}
	entries, err := ReadResults(bytes.NewReader(read("results.json")), set)
	if err != nil {
		t.Fatal(err)
	}
	return c, set, entries
}

// All numbers of pycocotools: twelve statistics, precision and recall of each class and size.
func TestCOCOGolden(t *testing.T) {
	c, set, entries := cocoGolden(t)
	for kind, name := range map[Kind]string{Boxes: "bbox", Masks: "segm"} {
		ours, err := newCOCO(context.Background(), set, entries, kind)
		if err != nil {
			t.Fatal(err)
		}
		for what, got := range map[string][]float64{"precision_": ours.precision, "recall_": ours.recall} {
			want := c.Array(what + name).F64
			if len(got) != len(want) {
				t.Fatalf("%s%s: %d numbers, want %d", what, name, len(got), len(want))
			}
			for i, v := range want {
				near(t, fmt.Sprintf("%s%s %d", what, name, i), got[i], missing(v))
			}
		}
		stats := ours.stats()
		for i, v := range c.Array("stats_" + name).F64 {
			near(t, name+" "+statNames[i], stats[i], missing(v))
		}
		r := ours.result(set)
		near(t, name+" AP", r.Metric("AP"), 100*stats[0])
		if len(r.Classes) != 3 || len(r.Curves) != 6 || r.Classes[0].Objects == 0 {
			t.Errorf("%s: %+v", name, r.Classes)
		}
	}
}

// missing turns pycocotools' -1 into NaN.
func missing(v float64) float64 {
	if v == -1 {
		return math.NaN()
	}
	return v
}

// Entries that are written and read again give the same numbers.
func TestResultsRoundTrip(t *testing.T) {
	_, set, entries := cocoGolden(t)
	for _, numeric := range []bool{true, false} {
		s := *set
		s.NumericIDs = numeric
		var b bytes.Buffer
		if err := WriteResults(&b, &s, entries); err != nil {
			t.Fatal(err)
		}
		if text := b.String(); strings.Contains(text, `"image_id":"`) == numeric {
			t.Errorf("numeric %v: %.120s", numeric, text)
		}
		again, err := ReadResults(&b, &s)
		if err != nil {
			t.Fatal(err)
		}
		for i := range entries {
			a, b := again[i], entries[i]
			if a.Image != b.Image || a.Class != b.Class || a.Box != b.Box || a.Score != b.Score || a.Mask.Code() != b.Mask.Code() {
				t.Fatalf("entry %d: %+v, want %+v", i, a, b)
			}
		}
	}
}
