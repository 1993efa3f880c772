package sets

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"contralens/data"
	"contralens/data/store"
	"contralens/detect"
	"contralens/detect/detecttest"
)

func mustOpen(t *testing.T, o Options) (*detect.Set, *Report) {
	t.Helper()
	set, report, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return set, report
}

// xmlOf returns an annotation of 100 x 80 pixels with objects "name xmin ymin xmax ymax".
func xmlOf(objects ...string) []byte {
	var b strings.Builder
	b.WriteString("<annotation><size><width>100</width><height>80</height></size>")
	for _, o := range objects {
		f := strings.Fields(o)
		fmt.Fprintf(&b, "<object><name>%s</name><bndbox><xmin>%s</xmin><ymin>%s</ymin><xmax>%s</xmax><ymax>%s</ymax></bndbox>"+
			"<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part></object>", f[0], f[1], f[2], f[3], f[4])
	}
	return []byte(b.String() + "</annotation>")
}

// The generated sets are read back: the same objects from VOC and from COCO.
func TestBothFormats(t *testing.T) {
	scenes := detecttest.Scenes(8, 60, 40, 1)
	voc, _ := mustOpen(t, Options{Store: store.Memory(detecttest.VOC(scenes)), Split: "train"})
	coco, _ := mustOpen(t, Options{Store: store.Memory(detecttest.COCO(scenes)), Split: "train"})
	if voc.Format != detect.VOC || coco.Format != detect.COCO || len(voc.Images) != 6 || len(coco.Images) != 6 {
		t.Fatalf("%s with %d images, %s with %d", voc.Format, len(voc.Images), coco.Format, len(coco.Images))
	}
	if !slices.Equal(voc.Classes, detecttest.Classes) || !slices.Equal(coco.Classes, detecttest.Classes) {
		t.Errorf("classes %v and %v", voc.Classes, coco.Classes)
	}
	if !slices.Equal(voc.Categories, []int64{1, 2}) || !slices.Equal(coco.Categories, []int64{3, 7}) {
		t.Errorf("categories %v and %v", voc.Categories, coco.Categories)
	}
	for i, s := range scenes[:6] {
		for _, m := range []detect.Image{voc.Images[i], coco.Images[i]} {
			if m.Width != s.Width || m.Height != s.Height || len(m.Objects) != len(s.Objects) {
				t.Fatalf("%+v, want %+v", m, s)
			}
			for j, o := range s.Objects {
				want := [4]float64{float64(o.X1), float64(o.Y1), float64(o.X2), float64(o.Y2)}
				if m.Objects[j].Box != want || m.Objects[j].Class != o.Class {
					t.Errorf("image %s, object %d: %+v, want %v of class %d", m.ID, j, m.Objects[j], want, o.Class)
				}
			}
		}
		if voc.Images[i].ID != s.ID || coco.Images[i].ID != fmt.Sprint(i+1) {
			t.Errorf("ids %s and %s", voc.Images[i].ID, coco.Images[i].ID)
		}
		if voc.Images[i].Objects[0].Shape.Empty() == coco.Images[i].Objects[0].Shape.Empty() {
			t.Error("want polygons in COCO alone")
		}
	}
}

// A union has the images of its lists in order, each once.
func TestUnion(t *testing.T) {
	m := store.Memory{}
	add := func(year, id string) {
		m["kit/VOC"+year+"/Annotations/"+id+".xml"] = xmlOf("dog 1 1 100 80")
		m["kit/VOC"+year+"/JPEGImages/"+id+".jpg"] = []byte("x")
	}
	list := func(year, name, lines string) { m["kit/VOC"+year+"/ImageSets/Main/"+name+".txt"] = []byte(lines) }
	add("2007", "000005")
	add("2007", "000007")
	add("2012", "2008_1")
	list("2007", "trainval", "000007 1\r\n000005  -1\n\n")
	list("2007", "test", "000005\n")
	list("2012", "trainval", "2008_1\n")
	for _, c := range []struct {
		folder, split, want string
		eleven              bool
	}{
		{"kit", "2007+2012", "000007 000005 2008_1", false},
		{"kit", "2012+2007_test", "2008_1 000005", false},
		{"kit", "", "000007 000005 2008_1", false},
		{"kit", "2007_trainval+2007_test", "000007 000005", true},
		{"kit/VOC2007", "test", "000005", true},
		{"kit/VOC2007", "2007_test", "000005", true},
	} {
		set, _ := mustOpen(t, Options{Store: m, Folder: c.folder, Split: c.split})
		var ids []string
		for _, image := range set.Images {
			ids = append(ids, image.ID)
		}
		if got := strings.Join(ids, " "); got != c.want || set.ElevenPoint != c.eleven || !slices.Equal(set.Classes, VOCClasses) {
			t.Errorf("%s in %s: %s, eleven points %v, %d classes", c.split, c.folder, got, set.ElevenPoint, len(set.Classes))
		}
		if set.Images[0].Objects[0].Box != [4]float64{0, 0, 100, 80} {
			t.Errorf("box %v, want the image", set.Images[0].Objects[0].Box)
		}
	}
	list("2012", "val", "2008_1\n")
	if set, _ := mustOpen(t, Options{Store: m, Folder: "kit", Test: true}); set.Name != "VOC2007 test" || !set.ElevenPoint {
		t.Errorf("the usual test is %s", set.Name)
	}
	delete(m, "kit/VOC2012/ImageSets/Main/val.txt")
	for split, want := range map[string]string{
		"2012_test": "there are: trainval", "2010": "want a folder VOC2010", "val": "there are: test, trainval",
	} {
		if _, _, err := Open(context.Background(), Options{Store: m, Folder: "kit", Split: split}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", split, err, want)
		}
	}
}

// Every kind of damage is named with file and object, and left out.
func TestDamageOfVOC(t *testing.T) {
	for name, c := range map[string]struct {
		xml   string
		want  string
		whole bool
	}{
		"missing":      {"", "file does not exist", true},
		"no XML":       {"hello", "want an XML file", true},
		"cut":          {string(xmlOf("dog 1 1 9 9"))[:120], "want an XML file, but line 1", true},
		"other":        {"<html></html>", "want <annotation>, got <html>", true},
		"no size":      {"<annotation></annotation>", `want a width from 1 to`, true},
		"size 0":       {strings.Replace(string(xmlOf()), ">80<", ">0<", 1), "want a height from 1", true},
		"outside":      {string(xmlOf("dog 1 1 9 9", "dog 101 1 120 9")), "object 2 (dog): want a box in its image of 100 x 80 pixels, got x 100 to 120", false},
		"reversed":     {string(xmlOf("dog 9 1 7 9")), "object 1 (dog): want a box with an area, got x 8 to 7", false},
		"text":         {string(xmlOf("dog a 1 7 9")), `want a number as xmin, got "a"`, false},
		"not a number": {string(xmlOf("dog 1 NaN 7 9")), "want a box of numbers", false},
		"no box":       {strings.ReplaceAll(string(xmlOf("dog 1 1 7 9")), "bndbox>", "box>"), "want a <bndbox>, found none", false},
	} {
		m := store.Memory{
			"d/Annotations/good.xml": xmlOf("dog 1 1 9 9"), "d/JPEGImages/good.jpg": []byte("x"),
			"d/Annotations/bad.xml": []byte(c.xml), "d/JPEGImages/bad.jpg": []byte("x"),
			"d/ImageSets/Main/train.txt": []byte("good\nbad\n"), "d/ImageSets/Main/bad.txt": []byte("bad\n"),
		}
		if c.xml == "" {
			delete(m, "d/Annotations/bad.xml")
		}
		_, _, err := Open(context.Background(), Options{Store: m, Folder: "d"})
		if err == nil || !strings.Contains(err.Error(), "annotation d/Annotations/bad.xml") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if c.whole { // without the other, too
			_, _, err := Open(context.Background(), Options{Store: m, Folder: "d", Split: "bad", MaxBad: 0.01})
			if err == nil || !strings.Contains(err.Error(), "none is left: 1 is damaged, first annotation d/Annotations/bad.xml") {
				t.Errorf("%s alone: %v", name, err)
			}
		}
		var notes []string
		set, report := mustOpen(t, Options{Store: m, Folder: "d", MaxBad: 0.5, Note: func(s string) { notes = append(notes, s) }})
		want := 2
		if c.whole {
			want = 1
		}
		if len(set.Images) != want || report.Damaged != 1 || report.Listed != 2 || len(notes) != 1 {
			t.Errorf("%s: %d images, %+v, notes %q", name, len(set.Images), report, notes)
		}
	}
}

// More damaged images than allowed are an error, of the kind that unreadable images are.
func TestTooManyDamaged(t *testing.T) {
	m := store.Memory{}
	for i := range 10 {
		m[fmt.Sprintf("d/Annotations/%d.xml", i)] = xmlOf("dog 1 1 9 9")
		m[fmt.Sprintf("d/JPEGImages/%d.jpg", i)] = []byte("x")
	}
	m["d/Annotations/3.xml"], m["d/Annotations/4.xml"] = xmlOf("cat 9 9 1 1", "cat 8 8 1 1"), []byte("broken")
	_, _, err := Open(context.Background(), Options{Store: m, Folder: "d", MaxBad: 0.1})
	var many *data.TooManyUnreadable
	if !errors.As(err, &many) || many.Unreadable != 2 || !strings.Contains(err.Error(), "2 of 10 images have damaged annotations") {
		t.Error(err)
	}
	_, report := mustOpen(t, Options{Store: m, Folder: "d", MaxBad: 0.11})
	if len(report.Problems) != 3 {
		t.Errorf("%v", report.Problems)
	}
}

// A box of one pixel is fine in VOC, one that reaches a little beyond too, and the names of
// the classes decide their order.
func TestOddButFine(t *testing.T) {
	m := store.Memory{
		"d/Annotations/a.xml": append([]byte("\xEF\xBB\xBF<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>"),
			xmlOf("RBC 7 7 7 7", "WBC 1.5 0 100.5 80", "Platelets 1 1 105 90", "\xE9t\xE9 1 1 2 2")...),
		"d/JPEGImages/a.png": []byte("x"), "d/JPEGImages/a.txt": []byte("x"),
	}
	set, report := mustOpen(t, Options{Store: m, Folder: "d"})
	if want := []string{"Platelets", "RBC", "WBC", "été"}; !slices.Equal(set.Classes, want) || report.Beyond != 1 {
		t.Errorf("classes %v, want %v; %d beyond", set.Classes, want, report.Beyond)
	}
	if got, want := set.Images[0].Objects[0].Box, [4]float64{6, 6, 7, 7}; got != want {
		t.Errorf("box %v, want %v", got, want)
	}
	if got, want := set.Images[0].Objects[1].Box, [4]float64{0.5, -1, 100.5, 80}; got != want {
		t.Errorf("box %v, want %v", got, want)
	}
	set, report = mustOpen(t, Options{Store: m, Folder: "d", Classes: []string{"WBC", "RBC"}})
	if len(set.Images[0].Objects) != 2 || set.Images[0].Objects[0].Class != 1 || len(report.Others) != 2 {
		t.Errorf("%+v, %v", set.Images[0].Objects, report.Others)
	}
}

func TestCOCO(t *testing.T) {
	const images = `"images": [{"id": 9, "file_name": "b.jpg", "width": 20, "height": 10}, {"id": 2, "file_name": "a.jpg", "width": 20, "height": 10}]`
	const categories = `"categories": [{"id": 90, "name": "cat"}, {"id": 7, "name": "dog"}]`
	files := func(annotations string) store.Memory {
		return store.Memory{
			"c/annotations/instances_val.json": []byte(`{"info": {"x": [1]}, "annotations": [` + annotations + `], ` + images + `, ` + categories + `}`),
			"c/val/a.jpg":                      []byte("x"), "c/val/b.jpg": []byte("x"),
		}
	}
	set, _ := mustOpen(t, Options{Folder: "c", Store: files(`
		{"id": 1, "image_id": 9, "category_id": 90, "bbox": [1, 2, 3, 4], "area": 11.5, "iscrowd": 0, "segmentation": [[1, 2, 4, 2, 4, 6], [1, 2]]},
		{"id": 2, "image_id": 9, "category_id": 7, "bbox": [0, 0, 20, 10], "area": 100, "iscrowd": 1, "segmentation": {"size": [10, 20], "counts": [0, 100, 100]}},
		{"id": 3, "image_id": 9, "category_id": 7, "bbox": [0, 0, 2, 1], "segmentation": {"size": [10, 20], "counts": "0n5:"}},
		{"id": 4, "image_id": 2, "category_id": 7, "bbox": [5, 5, 5, 5]}`)})
	if !slices.Equal(set.Classes, []string{"dog", "cat"}) || !slices.Equal(set.Categories, []int64{7, 90}) {
		t.Fatalf("%v %v", set.Classes, set.Categories)
	}
	if set.Images[0].ID != "2" || set.Images[0].Path != "c/val/a.jpg" || set.Images[1].ID != "9" {
		t.Fatalf("%+v", set.Images)
	}
	first := set.Images[1].Objects[0]
	if first.Class != 1 || first.Box != [4]float64{1, 2, 4, 6} || first.Area != 11.5 || len(first.Shape.Polygons) != 1 {
		t.Errorf("%+v", first)
	}
	if crowd := set.Images[1].Objects[1]; !crowd.Crowd || crowd.Shape.RLE.Area() != 100 {
		t.Errorf("%+v", crowd)
	}
	if third := set.Images[1].Objects[2]; third.Area != 2 || third.Shape.RLE.Area() != 190 {
		t.Errorf("%+v, area %d", third, third.Shape.RLE.Area())
	}
	train, dropped := Trainable(set)
	if dropped != 0 || len(train.Images[1].Objects) != 2 || len(set.Images[1].Objects) != 3 {
		t.Errorf("%d dropped, %d of %d objects", dropped, len(train.Images[1].Objects), len(set.Images[1].Objects))
	}
	for annotation, want := range map[string]string{
		`{"id": 1, "image_id": 9, "category_id": 7, "bbox": [1, 2, 0, 4]}`:                                                             "annotation 1 of image 9 (dog): want a box with an area",
		`{"id": 1, "image_id": 9, "category_id": 7, "bbox": [1, 2, 4]}`:                                                                "want a bbox of 4 numbers, got 3",
		`{"id": 1, "image_id": 9, "category_id": 7, "bbox": "all"}`:                                                                    "annotation number 1: want another kind of value as bbox, got a string",
		`{"id": 1, "image_id": 9, "category_id": 8, "bbox": [1, 2, 3, 4]}`:                                                             "want a category of the file, got 8",
		`{"id": 1, "image_id": 3, "category_id": 7, "bbox": [1, 2, 3, 4]}`:                                                             "want an image of the file",
		`{"id": 1, "image_id": 9, "category_id": 7, "bbox": [1, 2, 3, 4], "ignore": 1}`:                                                "want no ignore flag",
		`{"id": 1, "image_id": 9, "category_id": 7, "bbox": [1, 2, 3, 4], "area": -2}`:                                                 "want an area",
		`{"id": 1, "image_id": 9, "category_id": 7, "bbox": [1, 2, 3, 4], "segmentation": [[1, 2, 3, 4, 5]]}`:                          "want x and y of at least 3 points",
		`{"id": 1, "image_id": 9, "category_id": 7, "bbox": [1, 2, 3, 4], "segmentation": {"size": [20, 10], "counts": [200]}}`:        "want a mask of the image's 20 x 10 pixels",
		`{"id": 1, "image_id": 9, "category_id": 7, "bbox": [1, 2, 3, 4], "segmentation": {"size": [10, 20], "counts": [201]}}`:        "want runs of 200 pixels in all, got 201",
		`{"id": 1, "image_id": 9, "category_id": 7, "bbox": [1, 2, 3, 4], "segmentation": {"size": [10, 20], "counts": "0n5:\u0001"}}`: "want a code",
	} {
		_, _, err := Open(context.Background(), Options{Folder: "c", Store: files(annotation)})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "instances_val.json") {
			t.Errorf("%s\n%v, want %q", annotation, err, want)
		}
		foreign := want == "want an image of the file"
		if _, report := mustOpen(t, Options{Folder: "c", Store: files(annotation), MaxBad: 0.5}); report.Damaged+report.Foreign != 1 || (report.Foreign == 1) != foreign {
			t.Errorf("%s: %+v", annotation, report)
		}
	}
	for broken, want := range map[string]string{
		`{"images": [`: "it ends early", `[]`: "want {, got [", ``: "it ends early", `{"images": 3}`: "want [, got 3",
		`{"images": [{"id": 1]}`: "invalid character", `{"categories": [{"id": "a"}]}`: "want another kind of value as id, got a string", `{"images": []}`: "want categories",
		`{"categories": [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]}`: "got 1 twice",
	} {
		m := store.Memory{"c.json": []byte(broken)}
		if _, _, err := Open(context.Background(), Options{Folder: "c.json", Store: m}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", broken, err, want)
		}
	}
}

// Names of images cannot lead out of the folders, whatever the JSON says.
func TestNamesOfImages(t *testing.T) {
	m := store.Memory{
		"c/a.json": []byte(`{"images": [{"id": 1, "file_name": "../secret.jpg", "width": 2, "height": 2},
			{"id": 2, "file_name": "x/ok.jpg", "width": 2, "height": 2}, {"id": 3, "file_name": "/etc/a.jpg", "width": 2, "height": 2}],
			"categories": [{"id": 1, "name": "a"}], "annotations": []}`),
		"c/x/ok.jpg": []byte("x"), "secret.jpg": []byte("x"), "/etc/a.jpg": []byte("x"),
	}
	set, report := mustOpen(t, Options{Store: m, Folder: "c/a.json", MaxBad: 1})
	if len(set.Images) != 1 || set.Images[0].Path != "c/x/ok.jpg" || report.Damaged != 2 {
		t.Errorf("%+v, %+v", set.Images, report)
	}
}

// Without a split, what is usual to train or to test on is read.
func TestUsualSplits(t *testing.T) {
	ctx := context.Background()
	scenes := detecttest.Scenes(8, 30, 20, 1)
	voc, coco := store.Memory(detecttest.VOC(scenes)), store.Memory(detecttest.COCO(scenes))
	for name, m := range map[string]store.Memory{"voc": voc, "coco": coco} {
		for test, want := range map[bool]int{false: 6, true: 2} {
			if set, _ := mustOpen(t, Options{Store: m, Test: test}); len(set.Images) != want {
				t.Errorf("%s, test %v: %d images of %s, want %d", name, test, len(set.Images), set.Name, want)
			}
		}
	}
	if got, err := Splits(ctx, Options{Store: voc}); err != nil || !slices.Equal(got, []string{"train", "test"}) {
		t.Errorf("splits %v, %v", got, err)
	}
	if got, err := Splits(ctx, Options{Store: coco}); err != nil || !slices.Equal(got, []string{"test", "train"}) {
		t.Errorf("splits %v, %v", got, err)
	}
	set, _ := mustOpen(t, Options{Store: coco, Split: "annotations/instances_test.json"})
	if len(set.Images) != 2 || set.Images[0].Path != "test/007.png" {
		t.Errorf("%+v", set.Images)
	}
	delete(voc, "ImageSets/Main/test.txt")
	coco["annotations/instances_night.json"] = coco["annotations/instances_test.json"]
	delete(coco, "annotations/instances_test.json")
	for want, m := range map[string]store.Memory{"want a list test.txt or val.txt": voc, "none begins with val or test; there are: night, train": coco} {
		if _, _, err := Open(ctx, Options{Store: m, Test: true}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// Stats count what is there.
func TestMeasure(t *testing.T) {
	m := store.Memory(detecttest.COCO(detecttest.Scenes(8, 60, 40, 1)))
	set, report := mustOpen(t, Options{Store: m})
	set.Images[1].Objects = nil
	set.Images[2].Width++
	o := &set.Images[0].Objects[0]
	o.Difficult, o.Crowd, o.Area = true, true, 96*96
	s, err := Measure(context.Background(), set, report, m, nil, 2, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.Images != 6 || s.Without != 1 || s.Large != 1 || s.Difficult != 1 || s.Crowds != 1 || s.PerImage.Min != 0 ||
		s.Small+s.Medium+s.Large != s.Objects || s.Width.Min != 40 || len(s.Unreadable) != 1 ||
		!strings.Contains(s.Unreadable[0], "want the 41 x 60 pixels of its annotation, got 40 x 60") {
		t.Errorf("%+v", s)
	}
	ended, stop := context.WithCancel(context.Background())
	stop()
	if _, err := Measure(ended, set, report, m, nil, 2, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestFraction(t *testing.T) {
	set := &detect.Set{Images: make([]detect.Image, 205)}
	for i := range set.Images {
		set.Images[i].ID = fmt.Sprint(i)
	}
	ids := func(s *detect.Set) (all []string) {
		for _, m := range s.Images {
			all = append(all, m.ID)
		}
		return all
	}
	fifth, tenth := ids(Fraction(set, 0.2, 3)), ids(Fraction(set, 0.1, 3))
	if len(fifth) != 41 || len(tenth) != 20 || !reflect.DeepEqual(fifth, ids(Limit(set, 41, 3))) {
		t.Errorf("%d and %d images", len(fifth), len(tenth))
	}
	for _, id := range tenth {
		if !slices.Contains(fifth, id) {
			t.Errorf("%s is in a tenth but not in a fifth", id)
		}
	}
	if reflect.DeepEqual(fifth, ids(Fraction(set, 0.2, 4))) || len(Fraction(set, 1, 3).Images) != 205 || len(Fraction(set, 0, 3).Images) != 1 {
		t.Error("want another choice by another seed, all and at least one")
	}
}
