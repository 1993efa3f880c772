package jpeg

import (
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"contralens/internal/golden"
	"contralens/views"
)

func readGolden(t *testing.T, name string) []byte {
	t.Helper()
	file, err := os.ReadFile(golden.Path(t, "augment", "images", name+".jpg"))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// The pixels of a part equal those of the whole image, at any scale. At full scale they
// equal Decode's.
func TestDecodePart(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for name := range golden.Load(t, "augment", "images").Arrays {
		file := readGolden(t, name)
		w, h, err := Size(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, eighths := range []int{8, 7, 6, 5, 4, 3, 2, 1} {
			var whole, part views.Image
			if eighths == 8 {
				_, err = Decode(file, &whole)
			} else {
				_, err = DecodePart(file, views.Box{W: w, H: h}, eighths, &whole)
			}
			if err != nil || whole.W != (w*eighths+7)/8 || whole.H != (h*eighths+7)/8 {
				t.Fatalf("%s at %d/8: %dx%d, %v", name, eighths, whole.W, whole.H, err)
			}
			for range 12 {
				box := views.Box{W: 1 + r.IntN(w), H: 1 + r.IntN(h)}
				box.X, box.Y = r.IntN(w-box.W+1), r.IntN(h-box.H+1)
				at, err := DecodePart(file, box, eighths, &part)
				x, y := at.X, at.Y
				if err != nil {
					t.Fatal(err)
				}
				left, top := box.X*eighths/8, box.Y*eighths/8
				right, bottom := min(whole.W, ((box.X+box.W)*eighths+7)/8), min(whole.H, ((box.Y+box.H)*eighths+7)/8)
				if x > left || y > top || x+part.W < right || y+part.H < bottom {
					t.Fatalf("%s: %+v at %d/8: the part %dx%d from %d, %d does not cover it", name, box, eighths, part.W, part.H, x, y)
				}
				worst := 0
				for py := top; py < bottom; py++ {
					a, b := whole.Pix[3*(py*whole.W+left):3*(py*whole.W+right)], part.Pix[3*((py-y)*part.W+left-x):]
					for i, v := range a {
						worst = max(worst, int(v)-int(b[i]), int(b[i])-int(v))
					}
				}
				if worst > 0 {
					t.Errorf("%s: %+v at %d/8: off by up to %d levels", name, box, eighths, worst)
				}
			}
		}
	}
}

func TestSize(t *testing.T) {
	file := readGolden(t, "img0")
	for _, tc := range []struct {
		name string
		file []byte
		ok   bool
	}{
		{"whole", file, true},
		{"header only", file[:700], true},
		{"empty", nil, false},
		{"two bytes", file[:2], false},
		{"no frame", file[:100], false},
		{"text", []byte("hello, this is text"), false},
		{"endless padding", append([]byte{0xFF, 0xD8}, make([]byte, 50)...), false},
	} {
		w, h, err := Size(tc.file)
		if (err == nil) != tc.ok || (tc.ok && (w < 1 || h < 1)) {
			t.Errorf("%s: %dx%d, %v", tc.name, w, h, err)
		}
	}
}

// Size and libjpeg can be made to read different sizes. A part outside the image that
// libjpeg sees is an error.
func TestPartBeyondTheImage(t *testing.T) {
	file := readGolden(t, "img0")
	w, h, err := Size(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, box := range []views.Box{
		{X: w, W: 5, H: 5}, {X: 5, W: w, H: 5}, {Y: h, W: 5, H: 5}, {Y: 60000, W: 5, H: 5000}, {X: -1, W: 5, H: 5},
	} {
		if _, err := DecodePart(file, box, 8, &views.Image{}); err == nil ||
			!strings.Contains(err.Error(), "contradictory") {
			t.Errorf("%+v of %d x %d pixels: error %v", box, w, h, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{0xFF, 0xD8, 0xFF, 0xC0, 0, 17, 8, 0, 16, 0, 16, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1}, 3, 5)
	f.Fuzz(func(t *testing.T, file []byte, x, eighths int) {
		w, h, err := Size(file)
		if err != nil || w*h > 1<<20 {
			return
		}
		var m views.Image
		_, _ = Decode(file, &m)
		x = min(max(x, 0), w-1)
		DecodePart(file, views.Box{X: x, W: w - x, H: h}, 1+(eighths&7), &m)
	})
}
