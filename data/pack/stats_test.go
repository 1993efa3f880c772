package pack

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"contralens/data/datatest"
	"contralens/data/sets"
)

func TestMeasure(t *testing.T) {
	dir := t.TempDir()
	datatest.Write(t, dir, "a/1.jpg", "a/2.png", "a/3.png", "b/1.jpg") // 10 to 13 wide, 12 high
	for i, name := range []string{"rgb.bmp", "lossy.webp"} {           // 23 x 17
		b, err := os.ReadFile("../codec/testdata/formats/" + name)
		if err != nil {
			t.Fatal(err)
		}
		datatest.Put(t, dir, fmt.Sprintf("c/%d-%s", i, name), b)
	}
	datatest.Put(t, dir, "b/x.png", []byte("\x89PNG"))
	datatest.Put(t, dir, "b/notes.txt", []byte("x"))
	datatest.Put(t, dir, "c/IMG_1.HEIC", []byte("x"))
	var notes []string
	p, err := sets.Open(t.Context(), sets.Options{Folder: dir, CacheBytes: -1,
		Note: func(s string) { notes = append(notes, s) }})
	if err != nil {
		t.Fatal(err)
	}
	var first Stats
	for _, workers := range []int{1, 4} {
		last := 0
		s, err := Measure(t.Context(), "train", p.Train, workers, func(_ string, done, total int) { last = done })
		if err != nil {
			t.Fatal(err)
		}
		if workers == 1 {
			first = s
		}
		if !reflect.DeepEqual(s, first) || last != 7 {
			t.Errorf("%d workers: %+v, %d done, want %+v", workers, s, last, first)
		}
	}
	s := first
	if s.Images != 7 || s.Classes != 3 || *s.PerClass != (Range{2, 2, 3}) || s.Smallest != "b" || s.Largest != "a" ||
		s.Width != (Range{10, 12, 23}) || s.Short != (Range{10, 12, 17}) ||
		fmt.Sprint(s.Formats) != "map[BMP:1 JPEG:2 PNG:2 WebP:1]" || len(s.Unreadable) != 1 ||
		!strings.Contains(s.Unreadable[0], "b/x.png") {
		t.Errorf("%+v", s)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "2 files are left out") ||
		!strings.Contains(notes[0], "1 .heic, 1 .txt") {
		t.Errorf("notes %q", notes)
	}
}
