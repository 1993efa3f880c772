package sets

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contralens/data/datatest"
	"contralens/views"
)

func TestFormats(t *testing.T) {
	for _, tc := range []struct {
		name                   string
		train, test, unlabeled int
		labels                 string // of the training images
		testLabel              int
		classes                string
		last                   string // size of the last training image, and its pixel in the first row and second column
		path                   string // end of its Path
	}{
		{"cifar10", 10, 1, 0, "[1 9 2 9 3 9 4 9 5 9]", 7,
			"[airplane automobile bird cat deer dog frog horse ship truck]", "32x32 [1 0 105]", "data_batch_5.bin#1"},
		{"cifar100", 2, 1, 0, "[99 4]", 50, "", "32x32 [1 0 2]", "train.bin#1"},
		{"stl10", 2, 1, 3, "[0 9]", 4, "", "96x96 [1 0 2]", "train_X.bin#1"},
		{"idx", 2, 1, 0, "[3 0]", 1, "[0 1 2 3]", "3x2 [20 20 20]", "train-images-idx3-ubyte#1"},
		{"list", 3, 1, 0, "[1 0 2]", 1, "[9 10 cat]", "12x12 [84 85 86]", "3.jpg"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			datatest.Formats[tc.name](t, dir)
			names := []string{tc.name, ""} // "": recognized by its files
			if tc.name == "list" {
				names = names[:1]
			}
			for _, name := range names {
				p, err := Open(t.Context(), Options{Name: name, Folder: dir})
				if err != nil {
					t.Fatal(err)
				}
				var labels []int
				for i := range p.Train.Len() {
					labels = append(labels, p.Train.Label(i))
				}
				if p.Train.Name() != tc.name || p.Train.Len() != tc.train || p.Test.Len() != tc.test ||
					fmt.Sprint(labels) != tc.labels || p.Test.Label(0) != tc.testLabel {
					t.Errorf("%s: %d training images %v, %d test images %d, want %d %s, %d %d",
						p.Train.Name(), p.Train.Len(), labels, p.Test.Len(), p.Test.Label(0), tc.train, tc.labels, tc.test, tc.testLabel)
				}
				if got := fmt.Sprint(p.Train.Classes()); tc.classes != "" && got != tc.classes {
					t.Errorf("classes %s, want %s", got, tc.classes)
				}
				var m views.Image
				if err := p.Train.Image(t.Context(), p.Train.Len()-1, &m); err != nil {
					t.Fatal(err)
				}
				if got := fmt.Sprintf("%dx%d %v", m.W, m.H, m.Pix[3:6]); tc.name != "list" && got != tc.last {
					t.Errorf("last image %s, want %s", got, tc.last)
				}
				if path := p.Train.Path(p.Train.Len() - 1); !strings.HasSuffix(path, tc.path) {
					t.Errorf("last path %s, want …%s", path, tc.path)
				}
				if tc.unlabeled > 0 {
					if err := p.Unlabeled.Image(t.Context(), 2, &m); err != nil || p.Unlabeled.Len() != tc.unlabeled ||
						p.Unlabeled.Label(2) != -1 || m.Pix[2] != 5 || m.Pix[3*96+1] != 1 {
						t.Errorf("unlabeled: %v, %d images, label %d, pixels %v", err, p.Unlabeled.Len(), p.Unlabeled.Label(2), m.Pix[:3])
					}
				} else if p.Unlabeled != nil {
					t.Error("an unlabeled split out of nowhere")
				}
			}
		})
	}
}

// Damaged, missing and foreign files are refused with an error that names the file.
func TestDamagedFormats(t *testing.T) {
	cut := func(name string, by int) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			info, err := os.Stat(filepath.Join(dir, name))
			if err == nil {
				err = os.Truncate(filepath.Join(dir, name), info.Size()-int64(by))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	replace := func(name string, content ...byte) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) { datatest.Put(t, dir, name, content) }
	}
	remove := func(name string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tc := range []struct {
		format string
		damage func(t *testing.T, dir string)
		want   string
	}{
		{"cifar10", cut("cifar-10-batches-bin/data_batch_3.bin", 1),
			"data_batch_3.bin: want a whole number of records of 3073 bytes"},
		{"cifar10", remove("cifar-10-batches-bin/data_batch_2.bin"), "data_batch_2.bin, but no such file"},
		{"cifar10", remove("cifar-10-batches-bin/test_batch.bin"), "test_batch.bin, but no such file"},
		{"cifar10", remove("cifar-10-batches-bin/data_batch_1.bin"), "want the binary version's data_batch_1.bin"},
		{"cifar10", replace("cifar-10-batches-bin/batches.meta.txt", []byte("cat\ndog\n")...), "want 10 class names"},
		{"cifar10", replace("cifar-10-batches-bin/data_batch_4.bin", append([]byte{10}, datatest.Planes(32, 0, false)...)...),
			"want a label below 10, got 10"},
		{"cifar10", replace("cifar-10-batches-bin/data_batch_4.bin"), "got 0 bytes"},
		{"cifar100", cut("train.bin", 3073), "train.bin: want a whole number of records of 3074 bytes"},
		{"stl10", cut("stl10_binary/train_y.bin", 1), "train_y.bin: want 2 labels"},
		{"stl10", replace("stl10_binary/test_y.bin", 0), "want 1 to 10, got 0"},
		{"stl10", cut("stl10_binary/unlabeled_X.bin", 5), "unlabeled_X.bin: want a whole number of records"},
		{"idx", cut("train-images-idx3-ubyte", 1), "want 12 values, got 11"},
		{"idx", cut("train-images-idx3-ubyte", 20), "header is cut short"},
		{"idx", cut("train-labels-idx1-ubyte", 1), "want 2 values, got 1"},
		{"idx", replace("train-labels-idx1-ubyte", 0, 0, 8, 1, 0, 0, 0, 1, 1), "want 2 labels, one per image, got 1"},
		{"idx", replace("train-images-idx3-ubyte", 0, 0, 13, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3), "got type 13"},
		{"idx", replace("train-images-idx3-ubyte",
			append([]byte{0, 0, 8, 3}, bytes.Repeat([]byte{255}, 12)...)...), "values that a file can hold"},
		{"idx", replace("t10k-images-idx3-ubyte.gz", []byte("no gzip")...), "compressed by gzip"},
		{"idx", replace("t10k-labels-idx1-ubyte", 0, 0, 8, 1, 0, 0, 0, 1, 9), "want labels below 4"},
		{"list", replace("train.txt", []byte("3.jpg\t1\nü/2.png\n")...), "line 2: want a label on every line"},
		{"list", replace("train.txt", []byte("3.jpg\t \n")...), "nothing follows the tab"},
		{"list", replace("train.txt", []byte("#\n")...), "got none"},
		{"list", replace("val.txt", []byte("3.jpg\tdog\n")...), `no training image of class "dog"`},
		{"list", remove("train.txt"), "train.txt: want a list"},
		{"list", replace("train.txt", 0, 1, 2, 3), "zero bytes"},
	} {
		dir := t.TempDir()
		datatest.Formats[tc.format](t, dir)
		tc.damage(t, dir)
		_, _, err := opened(t, Options{Name: tc.format, Folder: dir})
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want one with %q", tc.format, err, tc.want)
		}
	}
	for _, name := range Names() {
		if name == "fashion-mnist" {
			continue // its package is used instead
		}
		for _, folder := range []string{t.TempDir(), filepath.Join(t.TempDir(), "nowhere")} {
			if _, _, err := opened(t, Options{Name: name, Folder: folder}); err == nil ||
				!strings.Contains(err.Error(), "want") {
				t.Errorf("%s of %s: error %v", name, folder, err)
			}
		}
	}
}

// A list's paths are relative to the list; a missing file is an unreadable image.
func TestListAsDataFolder(t *testing.T) {
	dir := t.TempDir()
	datatest.Write(t, dir, "x/1.jpg")
	datatest.Put(t, dir, "x/mine.tsv", []byte("1.jpg\n2.jpg\n"))
	train, test, err := opened(t, Options{Folder: filepath.Join(dir, "x/mine.tsv")})
	if err != nil || test != nil || train.Len() != 2 || len(train.Classes()) != 0 || train.Label(0) != -1 {
		t.Fatalf("%v, test %v", err, test)
	}
	var m views.Image
	if err := train.Image(t.Context(), 0, &m); err != nil {
		t.Error(err)
	}
	if err := train.Image(t.Context(), 1, &m); err == nil || !strings.Contains(err.Error(), "x/2.jpg") {
		t.Errorf("error %v, want one that names x/2.jpg", err)
	}
}
