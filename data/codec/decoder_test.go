package codec

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"slices"
	"strings"
	"testing"

	"contralens/views"
)

// A damaged file is read and noted once for each kind of damage. A strict decoder refuses
// it. Sound files are neither noted nor refused.
func TestDecoder(t *testing.T) {
	files := variants(t)
	damaged := []string{
		"png-no-end.png", "png-cut-iend.png", "png-idat-bad-crc.png", "png-extra-row.png", "png-palette-long.png",
		"jpeg-stray-before-marker.jpg", "jpeg-stray-before-scan.jpg",
	}
	sound := []string{
		"png-plain.png", "png-trailing-text.png", "jpeg-plain.jpg", "jpeg-trailing.jpg", "bmp-rle8.bmp", "tiff-tiles.tif",
		"gif-animated.gif", "webp-animated.webp",
	}
	var notes []string
	lenient := &Decoder{Note: func(s string) { notes = append(notes, s) }}
	strict := &Decoder{Strict: true}
	var m views.Image
	for _, name := range slices.Concat(damaged, damaged, sound) {
		call := func() string { return name }
		if err := lenient.Decode(files[name], &m, call); err != nil {
			t.Error(err)
		}
		err := strict.Decode(files[name], &m, call)
		if refused := slices.Contains(damaged, name); (err != nil) != refused {
			t.Errorf("%s, strictly: %v", name, err)
		} else if refused && (!strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "strict")) {
			t.Errorf("%s, strictly: %v, want the name and the reason", name, err)
		}
	}
	if len(notes) != 5 || !strings.HasPrefix(notes[0], "image png-no-end.png: its end is missing") {
		t.Errorf("notes %q", notes)
	}
	total := 0
	for _, n := range lenient.Repaired() {
		total += n
	}
	if total != 2*len(damaged) {
		t.Errorf("counted %v", lenient.Repaired())
	}
	var none *Decoder
	if err := none.Decode(files["png-no-end.png"], &m, nil); err != nil || none.Repaired() != nil {
		t.Errorf("without a decoder: %v", err)
	}
}

// 16-bit gray is clipped, or keeps its high byte, or is stretched, in PNG and TIFF alike.
func TestGray16(t *testing.T) {
	values := []uint16{100, 200, 300, 1124, 740, 612}
	m := image.NewGray16(image.Rect(0, 0, 3, 2))
	for i, v := range values {
		m.SetGray16(i%3, i/3, color.Gray16{Y: v})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	tif := []byte("II*\x00\x14\x00\x00\x00")
	for _, v := range values {
		tif = append(tif, byte(v), byte(v>>8))
	}
	tif = append(tif, "\x07\x00"+
		"\x00\x01\x03\x00\x01\x00\x00\x00\x03\x00\x00\x00"+"\x01\x01\x03\x00\x01\x00\x00\x00\x02\x00\x00\x00"+
		"\x02\x01\x03\x00\x01\x00\x00\x00\x10\x00\x00\x00"+"\x03\x01\x03\x00\x01\x00\x00\x00\x01\x00\x00\x00"+
		"\x06\x01\x03\x00\x01\x00\x00\x00\x01\x00\x00\x00"+"\x11\x01\x04\x00\x01\x00\x00\x00\x08\x00\x00\x00"+
		"\x17\x01\x04\x00\x01\x00\x00\x00\x0C\x00\x00\x00"+"\x00\x00\x00\x00"...)
	for _, tc := range []struct {
		how  Gray16
		want []uint8
	}{
		{"", []uint8{100, 200, 255, 255, 255, 255}},
		{ClipGray16, []uint8{100, 200, 255, 255, 255, 255}},
		{HighGray16, []uint8{0, 0, 1, 4, 2, 2}},
		{RangeGray16, []uint8{0, 25, 50, 255, 159, 128}},
	} {
		for kind, file := range map[string][]byte{"PNG": b.Bytes(), "TIFF": tif} {
			var img views.Image
			if err := (&Decoder{Gray16: tc.how}).Decode(file, &img, func() string { return kind }); err != nil {
				t.Error(err)
				continue
			}
			for i, want := range tc.want {
				if got := img.Pix[3*i]; got != want || img.Pix[3*i+2] != want {
					t.Errorf("%s, %q: pixel %d is %d, want %d", kind, tc.how, i, got, want)
				}
			}
		}
	}
}

// FuzzDamaged bends files that need repairs, or decoders beyond those of Go, in two places.
func FuzzDamaged(f *testing.F) {
	files := variants(f)
	var names []string
	for name := range files {
		if Format(files[name]) != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for i := range names {
		f.Add(i, 20+i, byte(i), 40+i, byte(7*i))
	}
	f.Fuzz(func(t *testing.T, i, at int, by byte, at2 int, by2 byte) {
		file := bytes.Clone(files[names[uint(i)%uint(len(names))]])
		file[uint(at)%uint(len(file))] ^= by
		file[uint(at2)%uint(len(file))] ^= by2
		if w, h, err := size(Format(file), file); err == nil && w > 0 && h > (1<<20)/w {
			return
		}
		var m views.Image
		if err := Decode(file, &m); err == nil && (m.W < 1 || m.H < 1 || len(m.Pix) != 3*m.W*m.H) {
			t.Errorf("an image of %d x %d with %d values", m.W, m.H, len(m.Pix))
		}
	})
}
