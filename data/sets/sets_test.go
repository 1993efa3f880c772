package sets

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contralens/data"
	"contralens/data/datatest"
	"contralens/data/store"
	"contralens/views"
)

func TestFolders(t *testing.T) {
	for _, tc := range []struct {
		name        string
		files       []string
		train, test int
		classes     string
	}{
		{"train and val", []string{"train/b/2.jpg", "train/a/x.JPEG", "train/a/ü ö.png", "val/a/1.jpg", "val/b/1.jpg"},
			3, 2, "[a b]"},
		{"train and test", []string{"train/b/2.jpg", "train/a/x.jpg", "test/a/1.jpg", "test/b/1.jpg"}, 2, 2, "[a b]"},
		{"classes at the top", []string{"cat/1.jpg", "dog/1.jpg", "dog/.hidden.jpg", "dog/notes.txt.jpg"}, 3, 0, "[cat dog]"},
		{"flat", []string{"1.jpg", "2.png"}, 2, 0, "[]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			datatest.Write(t, dir, tc.files...)
			if err := os.MkdirAll(filepath.Join(dir, "empty class"), 0o755); err != nil {
				t.Fatal(err)
			}
			train, test, err := opened(t, Options{Folder: dir})
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			if test != nil {
				n = test.Len()
			}
			if train.Len() != tc.train || n != tc.test || fmt.Sprint(train.Classes()) != tc.classes {
				t.Errorf("got %d and %d images of %v, want %d and %d of %s",
					train.Len(), n, train.Classes(), tc.train, tc.test, tc.classes)
			}
			var m views.Image
			for i := range train.Len() {
				if err := train.Image(t.Context(), i, &m); err != nil || m.H != 12 {
					t.Errorf("%s: %v, %dx%d", train.Path(i), err, m.W, m.H)
				}
			}
		})
	}
}

func TestOpenErrors(t *testing.T) {
	empty, broken, uneven := t.TempDir(), t.TempDir(), t.TempDir()
	os.WriteFile(filepath.Join(broken, "x.jpg"), []byte("not a picture"), 0o644)
	datatest.Write(t, uneven, "train/a/1.jpg", "val/a/1.jpg", "val/b/1.jpg")
	for _, tc := range []struct {
		o    Options
		want string
	}{
		{Options{Folder: filepath.Join(empty, "nowhere")}, "no such folder"},
		{Options{Folder: empty}, "found none"},
		{Options{Folder: empty, Name: "imagenet"}, "train"},
		{Options{Folder: uneven, Name: "imagenet100"}, "100 are missing"},
		{Options{Folder: uneven}, `no training image of class "b"`},
		{Options{Folder: empty, Name: "mnist3"}, "fashion-mnist"},
	} {
		if _, _, err := opened(t, tc.o); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: error %v, want one with %q", tc.o, err, tc.want)
		}
	}
	train, _, err := opened(t, Options{Folder: broken})
	if err != nil {
		t.Fatal(err)
	}
	var m views.Image
	if err := train.Image(t.Context(), 0, &m); err == nil || !strings.Contains(err.Error(), "x.jpg") {
		t.Errorf("a broken image: error %v, want one that names it", err)
	}
}

func TestLimitIsBalanced(t *testing.T) {
	dir := t.TempDir()
	datatest.Write(t, dir, "a/1.jpg", "a/2.jpg", "a/3.jpg", "b/1.jpg", "c/1.jpg", "c/2.jpg")
	train, _, err := opened(t, Options{Folder: dir, Limit: 4})
	if err != nil {
		t.Fatal(err)
	}
	count := map[int]int{}
	for i := range train.Len() {
		count[train.Label(i)]++
	}
	if fmt.Sprint(count) != "map[0:2 1:1 2:1]" {
		t.Errorf("got %v", count)
	}
}

func TestFashionMNIST(t *testing.T) {
	if _, err := findIDX(t.Context(), store.Disk{}, FashionMNISTFolder, trainImages); err != nil {
		t.Logf("not compared: %v", err)
		return
	}
	train, test, err := opened(t, Options{Name: "fashion-mnist"})
	if err != nil {
		t.Fatal(err)
	}
	var m views.Image
	if err := train.Image(t.Context(), 7, &m); err != nil || train.Len() != 60000 || test.Len() != 10000 ||
		m.W != 28 || m.H != 28 {
		t.Errorf("%v: %d and %d images, %dx%d", err, train.Len(), test.Len(), m.W, m.H)
	}
}

// opened has the training and test images of a dataset.
func opened(t *testing.T, o Options) (train, test data.Dataset, err error) {
	t.Helper()
	p, err := Open(t.Context(), o)
	return p.Train, p.Test, err
}
