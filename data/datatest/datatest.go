// Package datatest makes small datasets for tests.
package datatest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contralens/views"
)

// Write writes small images to the paths below dir.
func Write(t *testing.T, dir string, paths ...string) {
	t.Helper()
	for i, p := range paths {
		m := image.NewRGBA(image.Rect(0, 0, 10+i, 12))
		for j := range m.Pix {
			m.Pix[j] = uint8(i*40 + j)
		}
		for j := 3; j < len(m.Pix); j += 4 {
			m.Pix[j] = 255
		}
		full := filepath.Join(dir, p)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(full)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(strings.ToLower(p), "png") {
			err = png.Encode(f, m)
		} else {
			err = jpeg.Encode(f, m, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
}

// Tar returns a tar file. members are names and contents, alternating.
func Tar(t *testing.T, members ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(members); i += 2 {
		name, content := members[i], members[i+1]
		if err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(content)), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Planes returns the planar pixels of a test image of side x side: red is the column,
// green the row, blue v.
func Planes(side int, v byte, columns bool) []byte {
	b := make([]byte, 3*side*side)
	for y := range side {
		for x := range side {
			at := y*side + x
			if columns {
				at = x*side + y
			}
			b[at], b[side*side+at], b[2*side*side+at] = byte(x), byte(y), v
		}
	}
	return b
}

// Put writes a file below dir.
func Put(t *testing.T, dir, name string, content ...[]byte) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Join(content, nil), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Formats maps each format to a function that writes a small dataset of it below dir.
var Formats = map[string]func(t *testing.T, dir string){
	"cifar10": func(t *testing.T, dir string) {
		for i := 1; i <= 5; i++ {
			Put(t, dir, fmt.Sprintf("cifar-10-batches-bin/data_batch_%d.bin", i),
				[]byte{byte(i)}, Planes(32, byte(i), false), []byte{9}, Planes(32, byte(i+100), false))
		}
		Put(t, dir, "cifar-10-batches-bin/test_batch.bin", []byte{7}, Planes(32, 77, false))
		Put(t, dir, "cifar-10-batches-bin/batches.meta.txt",
			[]byte("airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n"))
	},
	"cifar100": func(t *testing.T, dir string) {
		Put(t, dir, "train.bin", []byte{3, 99}, Planes(32, 1, false), []byte{0, 4}, Planes(32, 2, false))
		Put(t, dir, "test.bin", []byte{1, 50}, Planes(32, 77, false))
	},
	"stl10": func(t *testing.T, dir string) {
		Put(t, dir, "stl10_binary/train_X.bin", Planes(96, 1, true), Planes(96, 2, true))
		Put(t, dir, "stl10_binary/train_y.bin", []byte{1, 10})
		Put(t, dir, "stl10_binary/test_X.bin", Planes(96, 77, true))
		Put(t, dir, "stl10_binary/test_y.bin", []byte{5})
		Put(t, dir, "stl10_binary/unlabeled_X.bin", Planes(96, 3, true), Planes(96, 4, true), Planes(96, 5, true))
	},
	"idx": func(t *testing.T, dir string) {
		Put(t, dir, "train-images-idx3-ubyte", []byte{0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3},
			[]byte{1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60})
		Put(t, dir, "train-labels-idx1-ubyte", []byte{0, 0, 8, 1, 0, 0, 0, 2, 3, 0})
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		z.Write([]byte{0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 77, 77, 77, 77, 77, 77})
		z.Close()
		Put(t, dir, "t10k-images-idx3-ubyte.gz", b.Bytes())
		Put(t, dir, "t10k-labels-idx1-ubyte", []byte{0, 0, 8, 1, 0, 0, 0, 1, 1})
	},
	"list": func(t *testing.T, dir string) {
		Write(t, dir, "a b/1.jpg", "ü/2.png", "3.jpg")
		Put(t, dir, "train.txt", []byte("# comment\na b/1.jpg\t10\nü/2.png\t9\r\n\n"+filepath.Join(dir, "3.jpg")+"\tcat\n"))
		Put(t, dir, "val.txt", []byte("3.jpg\t10\n"))
	},
}

// Generated is a dataset of N different images that are not files; image Bad is broken.
type Generated struct{ N, Bad int }

// Name is "generated".
func (g Generated) Name() string { return "generated" }

// Len is N.
func (g Generated) Len() int { return g.N }

// Label is i mod 3.
func (g Generated) Label(i int) int { return i % 3 }

// Classes returns three names.
func (g Generated) Classes() []string { return []string{"a", "b", "c"} }

// Path is the index of the image.
func (g Generated) Path(i int) string { return fmt.Sprint(i) }

// Image draws the image.
func (g Generated) Image(_ context.Context, i int, dst *views.Image) error {
	if i == g.Bad {
		return fmt.Errorf("image %d is broken", i)
	}
	dst.Resize(5, 4)
	for j := range dst.Pix {
		dst.Pix[j] = uint8(i + j)
	}
	return nil
}
