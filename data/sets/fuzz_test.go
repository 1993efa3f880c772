package sets

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"contralens/data"
	"contralens/views"
)

// readable decodes the first and the last image of a dataset that could be opened.
func readable(t *testing.T, d data.Dataset) {
	if d == nil || d.Len() == 0 {
		return
	}
	var m views.Image
	for _, i := range []int{0, d.Len() - 1} {
		if l := d.Label(i); l >= len(d.Classes()) {
			t.Errorf("image %d is of class %d of %d", i, l, len(d.Classes()))
		}
		if err := d.Image(t.Context(), i, &m); err == nil && len(m.Pix) != 3*m.W*m.H {
			t.Errorf("image %d: %d x %d with %d values", i, m.W, m.H, len(m.Pix))
		}
	}
}

func writeAll(t *testing.T, files map[string][]byte) (dir string) {
	dir = t.TempDir()
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// FuzzIDX reads images and labels in MNIST's format.
func FuzzIDX(f *testing.F) {
	idx := func(shape []uint32, values int) []byte {
		b := []byte{0, 0, 8, byte(len(shape))}
		for _, n := range shape {
			b = binary.BigEndian.AppendUint32(b, n)
		}
		return append(b, make([]byte, values)...)
	}
	f.Add(idx([]uint32{2, 3, 3}, 18), idx([]uint32{2}, 2))
	f.Add(idx([]uint32{1, 1 << 31, 1 << 31}, 0), idx([]uint32{1}, 1))
	f.Add(idx([]uint32{4, 1 << 31, 1 << 31}, 0), idx([]uint32{4}, 4)) // 2^64 values
	f.Fuzz(func(t *testing.T, images, labels []byte) {
		dir := writeAll(t, map[string][]byte{
			"train-images-idx3-ubyte": images, "train-labels-idx1-ubyte": labels, "t10k-images-idx3-ubyte": images,
			"t10k-labels-idx1-ubyte": labels,
		})
		if p, err := Open(t.Context(), Options{Name: "idx", Folder: dir}); err == nil {
			readable(t, p.Train)
		}
	})
}

// FuzzRecords reads record files of CIFAR-100.
func FuzzRecords(f *testing.F) {
	f.Add(make([]byte, 2*3074))
	f.Add(append([]byte{9, 200}, make([]byte, 3072)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := writeAll(t, map[string][]byte{"train.bin": b, "test.bin": b})
		if p, err := Open(t.Context(), Options{Name: "cifar100", Folder: dir}); err == nil {
			readable(t, p.Train)
		}
	})
}

// FuzzList reads lists of paths and labels.
func FuzzList(f *testing.F) {
	f.Add([]byte("a.jpg\t3\n# b\nc d.png\tcat\n"))
	f.Add([]byte("\xEF\xBB\xBFa.jpg 1\r\nc d.png 2\r\n"))
	f.Add([]byte("filename,label\n\"a.jpg\",x\nc d.png,\"y, z\"\n"))
	f.Add([]byte("\xFF\xFEa\x00.\x00j\x00p\x00g\x00\t\x001\x00\n\x00"))
	f.Add([]byte("label;path\n3;.\\a.jpg\n"))
	f.Add([]byte("a\t9223372036854775807\nb\t-5\nc\t0\n"))
	f.Add([]byte("\t\n\x00\t-1\r\n../a\t99999999999999999999"))
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := writeAll(t, map[string][]byte{"list.txt": b, "a": nil, "a.jpg": nil, "c d.png": nil})
		if p, err := Open(t.Context(), Options{Name: "list", Folder: filepath.Join(dir, "list.txt")}); err == nil {
			readable(t, p.Train)
		}
	})
}

// FuzzINat18 reads annotation files: labels are classes, and no image is outside of the
// folder.
func FuzzINat18(f *testing.F) {
	f.Add([]byte(`{"images":[{"id":1,"file_name":"a/1.jpg"}],"annotations":[{"image_id":1,"category_id":7}],"categories":[{"id":7,"name":"cat"}]}`))
	f.Add([]byte(`{"info":{"x":[1,{}]},"images":[{"id":-1,"file_name":"../1.jpg"}],"annotations":[],"categories":[{"id":9223372036854775807}]}`))
	f.Add([]byte(`{"images":[{"id":1e3,"file_name":null}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := writeAll(t, map[string][]byte{"train2018.json": b})
		p, err := Open(t.Context(), Options{Name: "inat18", Folder: dir})
		if err != nil {
			return
		}
		for i := range p.Train.Len() {
			if c := p.Train.Label(i); c < 0 || c >= len(p.Train.Classes()) {
				t.Fatalf("image %d has class %d of %d", i, c, len(p.Train.Classes()))
			}
			path := p.Train.(interface{ Path(int) string }).Path(i)
			if inside, err := filepath.Rel(dir, path); err != nil || !filepath.IsLocal(inside) {
				t.Fatalf("image %d is %s, outside %s", i, path, dir)
			}
		}
	})
}
