package codec

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contralens/views"
)

// testdata/formats has files of all formats and Pillow's results; make.py there wrote
// both. FORMATS_DIR names another folder made by it.
func TestDecodeAsPillow(t *testing.T) {
	dir := "testdata/formats"
	if other := os.Getenv("FORMATS_DIR"); other != "" {
		dir = other
	}
	want, _ := filepath.Glob(dir + "/*.rgb")
	if len(want) < 30 {
		t.Fatalf("%d files in %s, want 30 or more", len(want), dir)
	}
	var m views.Image
	for _, path := range want {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		file, err := os.ReadFile(strings.TrimSuffix(path, ".rgb"))
		if err != nil {
			t.Fatal(err)
		}
		if err := Decode(file, &m); err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		w, h := int(binary.LittleEndian.Uint16(b)), int(binary.LittleEndian.Uint16(b[2:]))
		if m.W != w || m.H != h {
			t.Errorf("%s: %d x %d, want %d x %d", path, m.W, m.H, w, h)
			continue
		}
		tolerance := 0
		if strings.Contains(path, ".jpg") {
			tolerance = 1 // another version of libjpeg
		}
		wrong, worst := 0, 0
		for i, v := range b[4:] {
			if d := max(int(v)-int(m.Pix[i]), int(m.Pix[i])-int(v)); d > tolerance {
				wrong++
				worst = max(worst, d)
			}
		}
		if wrong > 0 {
			t.Errorf("%s: %d of %d values differ from Pillow's, by up to %d", path, wrong, len(m.Pix), worst)
		}
	}
}

// Every file, truncated anywhere, gives an error or an image, never a panic.
func TestDecodeDamaged(t *testing.T) {
	all, _ := filepath.Glob("testdata/formats/*")
	var m views.Image
	for _, path := range all {
		if !IsImage(path) {
			continue
		}
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for n := 0; n < len(file)*9/10; n += 1 + len(file)/40 {
			if err := Decode(file[:n], &m); err == nil && n < len(file)/2 {
				t.Errorf("%s cut to %d of %d bytes was decoded", path, n, len(file))
			}
		}
		for n := 12; n < len(file); n += 1 + len(file)/60 {
			bent := bytes.Clone(file)
			bent[n] ^= 0x55
			_ = Decode(bent, &m) // any answer except a panic
		}
	}
	for _, text := range []string{"", "x", "<html>", "BM", "RIFF1234WEBP", "\x89PNG\r\n\x1a\n", "\xFF\xD8"} {
		if err := Decode([]byte(text), &m); err == nil {
			t.Errorf("%q was decoded", text)
		}
	}
	// A truncated JPEG is an error, as in Pillow.
	file, err := os.ReadFile("testdata/formats/no-end.jpg")
	if err != nil {
		t.Fatal(err)
	}
	if err := Decode(file, &m); err == nil {
		t.Error("no-end.jpg was decoded")
	}
}

// A long, thin image is decoded and its memory released; a decompression bomb is
// refused by its header.
func TestDecodeGiants(t *testing.T) {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 20000, 900))); err != nil {
		t.Fatal(err)
	}
	var m views.Image
	if err := Decode(b.Bytes(), &m); err != nil || m.W != 20000 || m.H != 900 {
		t.Errorf("20000 x 900: %v, %d x %d", err, m.W, m.H)
	}
	small, err := os.ReadFile("testdata/formats/one.png")
	if err != nil {
		t.Fatal(err)
	}
	if err := Decode(small, &m); err != nil || m.W != 1 || m.H != 1 || cap(m.Pix) > 1<<20 {
		t.Errorf("1 x 1 after it: %v, %d x %d in %d bytes", err, m.W, m.H, cap(m.Pix))
	}
	bomb := bytes.Clone(b.Bytes())
	copy(bomb[16:24], []byte{0, 0, 0x4E, 0x20, 0, 0, 0x4E, 0x20}) // 20,000 x 20,000
	binary.BigEndian.PutUint32(bomb[29:], crc32.ChecksumIEEE(bomb[12:29]))
	if err := Decode(bomb, &m); err == nil || !strings.Contains(err.Error(), "20000 x 20000 pixels") {
		t.Errorf("a PNG file of 20,000 x 20,000 pixels: error %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	all, _ := filepath.Glob("testdata/formats/*")
	for _, path := range all {
		if b, err := os.ReadFile(path); err == nil && IsImage(path) {
			f.Add(b)
		}
	}
	for name, b := range variants(f) {
		if Format(b) != "" && IsImage(name) {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		if w, h, err := size(Format(file), file); err == nil && w > 0 && h > (1<<22)/w {
			return // large images take memory and time, but no other code path
		}
		var m views.Image
		if err := Decode(file, &m); err == nil && (m.W < 1 || m.H < 1 || len(m.Pix) != 3*m.W*m.H) {
			t.Errorf("an image of %d x %d with %d values", m.W, m.H, len(m.Pix))
		}
	})
}
