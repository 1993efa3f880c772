package sets

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"contralens/data"
	"contralens/data/datatest"
)

// names returns the names of the files of all images.
func names(d data.Dataset) (all []string) {
	for i := range d.Len() {
		all = append(all, filepath.Base(d.Path(i)))
	}
	return all
}

// Only photos that the lists of training images name are read: none of the test, no annotation
// and no folder as a class. The layout is recognized, in the folder and below it.
func TestVOC(t *testing.T) {
	year := func(dir, prefix string) {
		datatest.Write(t, dir, "JPEGImages/"+prefix+"1.jpg", "JPEGImages/"+prefix+"2.png", "JPEGImages/"+prefix+"3.jpg")
		datatest.Put(t, dir, "Annotations/"+prefix+"1.xml", []byte("<annotation/>"))
		datatest.Put(t, dir, "ImageSets/Main/trainval.txt", []byte(prefix+"2\r\n"+prefix+"1 -1\n\n"))
		datatest.Put(t, dir, "ImageSets/Main/train.txt", []byte(prefix+"1\n"))
		datatest.Put(t, dir, "ImageSets/Main/test.txt", []byte(prefix+"3\n"))
	}
	one, years, kit, inner := t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir()
	year(one, "a")
	year(filepath.Join(years, "VOC2007"), "a")
	year(filepath.Join(years, "VOC2012"), "b")
	year(filepath.Join(kit, "VOCdevkit", "VOC2012"), "b")
	year(filepath.Join(inner, "BCCD"), "c")
	for _, tc := range []struct {
		dir, name string
		want      []string
	}{
		{one, "", []string{"a2.png", "a1.jpg"}},
		{years, "", []string{"a2.png", "a1.jpg", "b2.png", "b1.jpg"}},
		{kit, "voc", []string{"b2.png", "b1.jpg"}},
		{inner, "voc", []string{"c2.png", "c1.jpg"}},
	} {
		p, err := Open(t.Context(), Options{Name: tc.name, Folder: tc.dir})
		if err != nil {
			t.Errorf("%q in %s: %v", tc.name, tc.dir, err)
			continue
		}
		if got := names(p.Train); !slices.Equal(got, tc.want) || p.Test != nil || len(p.Train.Classes()) != 0 ||
			p.Train.Label(0) != -1 || p.Train.Name() != "voc" {
			t.Errorf("%s: %s with %q, test %v, label %d; want %q", tc.dir, p.Train.Name(), got, p.Test, p.Train.Label(0), tc.want)
		}
	}
}

// A folder without the layout is refused. A photo that is missing counts as unreadable, by its name.
func TestVOCMistakes(t *testing.T) {
	dir := t.TempDir()
	datatest.Write(t, dir, "photos/1.jpg")
	_, err := Open(t.Context(), Options{Name: "voc", Folder: dir})
	if err == nil || !strings.Contains(err.Error(), "want PASCAL VOC's layout, with JPEGImages and a list") {
		t.Error(err)
	}
	datatest.Put(t, dir, "ImageSets/Main/train.txt", []byte("7\n"))
	if _, err = Open(t.Context(), Options{Folder: dir}); err == nil || !strings.Contains(err.Error(), "JPEGImages") {
		t.Error(err)
	}
	datatest.Write(t, dir, "JPEGImages/8.jpg")
	p, err := Open(t.Context(), Options{Folder: dir})
	if err != nil || p.Train.Len() != 1 || filepath.Base(p.Train.Path(0)) != "7.jpg" {
		t.Fatalf("%v: %v", err, p)
	}
}
