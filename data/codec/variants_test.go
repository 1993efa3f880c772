package codec

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/binary"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"contralens/views"
)

// variants returns the files that testdata/variants/make.py wrote, with Pillow's results.
// VARIANTS_ZIP names another archive made by it.
func variants(t testing.TB) map[string][]byte {
	t.Helper()
	r, err := zip.OpenReader(cmp.Or(os.Getenv("VARIANTS_ZIP"), "testdata/variants/variants.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	files := map[string][]byte{}
	for _, f := range r.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if files[f.Name], err = io.ReadAll(in); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// otherwise has the files that are decoded differently from Pillow 9.4 on purpose.
var otherwise = map[string]string{
	"png-half.png":                  "Pillow makes the missing rows black",
	"png-palette-missing.png":       "Pillow makes up a palette",
	"bmp-rle8-delta.bmp":            "Pillow reads moves wrongly, and newer versions refuse them",
	"tiff-gray16-white-is-zero.tif": "Pillow does not invert 16-bit gray",
	"tiff-lab.tif":                  "CIELAB is not read",
	"jpeg-zeros-at-end.jpg":         "its end is overwritten; Pillow reads some of these",
}

// row is a line of the table of decoders in docs/data.md.
type row struct{ files, alike, equal, more, fewer int }

// Every file that Pillow reads is read, with the same pixels, but for the kinds that are
// named here. Some files that Pillow refuses are read too, none with pixels missing.
func TestVariants(t *testing.T) {
	files := variants(t)
	table := map[string]*row{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		want, read := files[name+".rgb"]
		_, refused := files[name+".refused"]
		if !read && !refused {
			continue
		}
		format := strings.ToUpper(strings.SplitN(name, "-", 2)[0])
		r := table[format]
		if r == nil {
			r = &row{}
			table[format] = r
		}
		r.files++
		var m views.Image
		err := Decode(files[name], &m)
		why := otherwise[name]
		switch {
		case why != "":
			t.Logf("%s: %s", name, why)
			if err != nil && read {
				r.fewer++
			} else {
				r.alike++
			}
			if err != nil && !read {
				r.equal++
			}
		case err != nil && read:
			r.fewer++
			t.Errorf("%s: Pillow reads it, but we say %v", name, err)
		case err == nil && !read:
			r.more++
			t.Logf("%s: Pillow refuses it", name)
		case err != nil:
			r.alike++
			r.equal++
		default:
			r.alike++
			if same(t, name, want, &m) {
				r.equal++
			}
		}
	}
	for _, format := range slices.Sorted(maps.Keys(table)) {
		r := table[format]
		t.Logf("%-5s %3d files, %3d read or refused alike, %3d with equal pixels, %2d more read, %2d fewer",
			format, r.files, r.alike, r.equal, r.more, r.fewer)
	}
}

// same compares an image with Pillow's result. JPEG may differ by one level, because the
// versions of libjpeg differ.
func same(t *testing.T, name string, want []byte, m *views.Image) bool {
	w, h := int(binary.LittleEndian.Uint16(want)), int(binary.LittleEndian.Uint16(want[2:]))
	if m.W != w || m.H != h {
		t.Errorf("%s: %d x %d, want %d x %d", name, m.W, m.H, w, h)
		return false
	}
	tolerance := 0
	if bytes.HasPrefix([]byte(filepath.Base(name)), []byte("jpeg")) {
		tolerance = 1
	}
	wrong, worst := 0, 0
	for i, v := range want[4:] {
		if d := max(int(v)-int(m.Pix[i]), int(m.Pix[i])-int(v)); d > tolerance {
			wrong++
			worst = max(worst, d)
		}
	}
	if wrong > 0 {
		t.Errorf("%s: %d of %d values differ from Pillow's, by up to %d", name, wrong, len(m.Pix), worst)
	}
	return wrong == 0
}
