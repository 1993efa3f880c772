package sets

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"contralens/data/store"
	"contralens/detect"
	"contralens/detect/detecttest"
)

// Data in another layout, or with other classes only, is refused with what is there.
func TestRefused(t *testing.T) {
	scenes := detecttest.Scenes(4, 60, 40, 1)
	voc, coco := store.Memory(detecttest.VOC(scenes)), store.Memory(detecttest.COCO(scenes))
	for name, c := range map[string]struct {
		o    Options
		want string
	}{
		"VOC as COCO":   {Options{Store: voc, Format: detect.COCO}, "want COCO's layout (annotations/instances_SPLIT.json), but it has VOC's"},
		"COCO as VOC":   {Options{Store: coco, Format: detect.VOC}, "below it), but it has COCO's"},
		"nothing":       {Options{Store: store.Memory{"a/b.txt": nil}}, "found neither"},
		"other classes": {Options{Store: voc, Classes: []string{"cat", "dog"}}, "want objects of cat, dog in"},
	} {
		c.o.MaxBad = 0.01
		_, _, err := Open(context.Background(), c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %s", name, err, c.want)
		}
	}
}

// Objects of other classes beside those asked for are left out with a note that names both.
func TestOtherClasses(t *testing.T) {
	var notes []string
	o := Options{
		Store:   store.Memory(detecttest.VOC(detecttest.Scenes(8, 60, 40, 1))),
		Classes: []string{"square", "cat"}, MaxBad: 0.01, Note: func(s string) { notes = append(notes, s) },
	}
	mustOpen(t, o)
	if got := strings.Join(notes, "; "); !strings.Contains(got, "left out objects of other classes than square, cat: ") ||
		!strings.Contains(got, " disk") {
		t.Errorf("notes %q", got)
	}
}

// An image that a list has twice is taken once, with a note; a name with a folder is refused.
func TestLists(t *testing.T) {
	m := store.Memory{
		"d/Annotations/a.xml": xmlOf("dog 1 1 9 9"), "d/JPEGImages/a.jpg": []byte("x"),
		"d/ImageSets/Main/train.txt": []byte("a\n\na\na 1\n"), "d/ImageSets/Main/out.txt": []byte("a\n../a\n"),
	}
	var notes []string
	o := Options{Store: m, Folder: "d", MaxBad: 0.01, Note: func(s string) { notes = append(notes, s) }}
	set, _ := mustOpen(t, o)
	if got := strings.Join(notes, "; "); len(set.Images) != 1 || got != "d/ImageSets/Main/train.txt: left out 2 lines with an image that an earlier one has" {
		t.Errorf("%d images, notes %q", len(set.Images), got)
	}
	o.Split = "out"
	_, _, err := Open(context.Background(), o)
	if err == nil || !strings.Contains(err.Error(), `d/ImageSets/Main/out.txt, line 2: want the name of an image without folder and ending, got "../a"`) {
		t.Error(err)
	}
}

// Images of a test that share an id are refused, because results would go to the wrong one.
func TestSharedIDs(t *testing.T) {
	m := store.Memory{}
	for _, year := range []string{"2010", "2012"} {
		m["kit/VOC"+year+"/Annotations/2008_1.xml"] = xmlOf("dog 1 1 100 80")
		m["kit/VOC"+year+"/JPEGImages/2008_1.jpg"] = []byte("x")
		m["kit/VOC"+year+"/ImageSets/Main/val.txt"] = []byte("2008_1\n")
	}
	for name, b := range detecttest.COCO(detecttest.Scenes(8, 30, 20, 1)) { // both files count from 1
		m["coco/"+name] = b
	}
	for _, o := range []Options{{Folder: "kit", Split: "2010_val+2012_val"}, {Folder: "coco", Split: "train+test"}} {
		o.Store = m
		mustOpen(t, o) // training needs no ids
		o.Test = true
		_, _, err := Open(context.Background(), o)
		if err == nil || !strings.Contains(err.Error(), "want images with different ids to test on, got") {
			t.Errorf("%s: %v", o.Split, err)
		}
	}
}

// The classes of a union of JSON files are those of the first, and the note about others names them.
func TestClassesOfFirstFile(t *testing.T) {
	const one = `{"images": [{"id": %d, "file_name": "%s.jpg", "width": 9, "height": 9}], "categories": [%s],
		"annotations": [{"id": 1, "image_id": %d, "category_id": 2, "bbox": [1, 2, 3, 4]}]}`
	m := store.Memory{
		"c/annotations/instances_a.json": fmt.Appendf(nil, one, 1, "a", `{"id": 2, "name": "cat"}`, 1),
		"c/annotations/instances_b.json": fmt.Appendf(nil, one, 2, "b", `{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}`, 2),
		"c/a/a.jpg":                      []byte("x"), "c/b/b.jpg": []byte("x"),
	}
	var notes []string
	set, _ := mustOpen(t, Options{Store: m, Folder: "c", Split: "a+b", Note: func(s string) { notes = append(notes, s) }})
	want := `left out objects of other classes than cat, which the first file has: 1 dog`
	if said := strings.Join(notes, "; "); len(set.Classes) != 1 || said != want {
		t.Errorf("classes %v, notes %q, want %q", set.Classes, said, want)
	}
}
