package jpeg

import (
	"bytes"
	"image"
	"image/jpeg"
	"os"
	"strings"
	"testing"

	"contralens/internal/golden"
	"contralens/views"
)

func TestDecodeGolden(t *testing.T) {
	c := golden.Load(t, "augment", "images")
	for name := range c.Arrays {
		file, err := os.ReadFile(golden.Path(t, "augment", "images", name+".jpg"))
		if err != nil {
			t.Fatal(err)
		}
		var m views.Image
		if _, err := Decode(file, &m); err != nil {
			t.Fatal(err)
		}
		want := c.Array(name)
		if m.H != want.Shape[0] || m.W != want.Shape[1] {
			t.Fatalf("%s: %dx%d, want %v", name, m.W, m.H, want.Shape)
		}
		worst := 0
		for i, v := range want.U8 {
			worst = max(worst, int(v)-int(m.Pix[i]), int(m.Pix[i])-int(v))
		}
		t.Logf("%s: largest difference %d", name, worst)
		if worst > 4 { // versions of libjpeg round differently
			t.Errorf("%s: off by %d levels", name, worst)
		}
		for _, part := range []float64{0.001, 0.1, 0.9} {
			if _, err := Decode(file[:int(part*float64(len(file)))], &m); err == nil {
				t.Errorf("%s cut to %v decodes without an error", name, part)
			}
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	for name, tc := range map[string]struct{ file, want string }{
		"empty":    {"", "empty"},
		"not jpeg": {"hello, this is text", "JPEG"},
	} {
		var m views.Image
		if _, err := Decode([]byte(tc.file), &m); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, tc.want)
		}
	}
}

// A broken file does not affect the next one.
func TestDecodeAfterABrokenFile(t *testing.T) {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 9, 7)), nil); err != nil {
		t.Fatal(err)
	}
	var m views.Image
	for n := range b.Len() {
		bent := bytes.Clone(b.Bytes())
		bent[n] ^= 0x55
		_, _ = Decode(bent, &m)
		if _, err := Decode(b.Bytes(), &m); err != nil || m.W != 9 || m.H != 7 {
			t.Fatalf("after byte %d was wrong: %v, %d x %d", n, err, m.W, m.H)
		}
	}
}
