package main

import (
	"encoding/json"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contralens/detect/detecttest"
	"contralens/detect/sets"
)

// objects writes generated images with objects in both formats, with damage in two of VOC's
// annotations, and returns the folders.
func objects(t *testing.T) (voc, coco string) {
	t.Helper()
	scenes := detecttest.Scenes(8, 60, 40, 1)
	voc, coco = filepath.Join(t.TempDir(), "voc"), filepath.Join(t.TempDir(), "coco")
	files := detecttest.VOC(scenes)
	files["Annotations/002.xml"] = []byte("broken")
	files["Annotations/003.xml"] = append(files["Annotations/003.xml"][:20:20], files["Annotations/003.xml"][30:]...)
	files["JPEGImages/004.png"] = files["JPEGImages/004.png"][:99]
	detecttest.Write(voc, files)
	detecttest.Write(coco, detecttest.COCO(scenes))
	return voc, coco
}

func TestObjectStats(t *testing.T) {
	voc, coco := objects(t)
	text := must(t, "data", "stats", voc)
	for _, want := range []string{
		"in VOC's format", "voc train: 4 images", "voc test: 2 images, ", "disk ", "square ", "masks        none",
		"damaged      annotations of 2 of 6 images", "annotation " + voc + "/Annotations/002.xml: want an XML file",
		"unreadable   1", "image " + voc + "/JPEGImages/004.png: want a JPEG",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	text = must(t, "data", "stats", coco, "--split", "train", "--json")
	var found struct{ Parts []sets.Stats }
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		t.Fatal(err)
	}
	if p := found.Parts; len(p) != 1 || p[0].Images != 6 || p[0].Polygons != p[0].Objects || p[0].Objects == 0 ||
		p[0].Classes[0].Objects+p[0].Classes[1].Objects != p[0].Objects || p[0].Small+p[0].Medium+p[0].Large != p[0].Objects {
		t.Errorf("%s", text)
	}
	text = must(t, "data", "stats", filepath.Join(coco, "annotations/instances_test.json"), "--limit", "1")
	if !strings.Contains(text, "test: 1 image, ") {
		t.Error(text)
	}
	// The same folder as one of images.
	if text := must(t, "data", "stats", voc, "--dataset", "folder"); !strings.Contains(text, "train: 8 images") {
		t.Error(text)
	}
	code, text := command(t, "data", "stats", voc, "--split", "night")
	if code != exitFailed || !strings.Contains(text, "there are: test, train, trainval") {
		t.Errorf("exit code %d, %s", code, text)
	}
}

func TestShowObjects(t *testing.T) {
	voc, coco := objects(t)
	out := filepath.Join(t.TempDir(), "objects.png")
	for _, c := range []struct {
		line          string
		want          string
		width, height int
	}{
		{"data show " + coco + " -n 4", "4 images of train", 12 + 2*(480+12), 0},
		{"data show " + coco + " --only 1", "1 image of train", 640, 427},
		{"data show " + voc + " --split test", "2 images of voc test", 12 + 2*(480+12), 0},
		{"data show " + voc + " --only 004,001", "004.png: want a JPEG", 12 + 2*(480+12), 0},
	} {
		if text := must(t, append(strings.Fields(c.line), "-o", out)...); !strings.Contains(text, c.want) {
			t.Errorf("%s: want %q in\n%s", c.line, c.want, text)
		}
		f, err := os.Open(out)
		if err != nil {
			t.Fatal(err)
		}
		m, err := png.Decode(f)
		f.Close()
		if err != nil || m.Bounds().Dx() != c.width || c.height > 0 && m.Bounds().Dy() != c.height {
			t.Errorf("%s: %v, %v", c.line, m.Bounds(), err)
		}
	}
	code, text := command(t, "data", "show", coco, "--only", "77", "-o", out)
	if code != exitUsage || !strings.Contains(text, "--only: want names of images in train") {
		t.Errorf("exit code %d, %s", code, text)
	}
}
