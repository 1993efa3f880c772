package codec

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"slices"
	"testing"

	"contralens/views"
)

// exifOf returns EXIF with an orientation, in one of both byte orders.
func exifOf(orientation uint16, order binary.ByteOrder) []byte {
	b := []byte("II*\x00\x08\x00\x00\x00")
	if order == binary.BigEndian {
		b = []byte("MM\x00*\x00\x00\x00\x08")
	}
	entry := make([]byte, 2+12+4)
	order.PutUint16(entry, 1)
	order.PutUint16(entry[2:], tiffOrientation)
	order.PutUint16(entry[4:], 3)
	order.PutUint32(entry[6:], 1)
	order.PutUint16(entry[10:], orientation)
	return append(b, entry...)
}

// turned are where the four corners of a picture go: top left, top right, bottom left, bottom
// right of the result, as letters of the file's corners a b / c d.
var turned = map[uint16]string{1: "abcd", 2: "badc", 3: "dcba", 4: "cdab", 5: "acbd", 6: "cadb", 7: "dbca", 8: "bdac"}

func TestOrientation(t *testing.T) {
	m := image.NewRGBA(image.Rect(0, 0, 3, 2))
	corner := map[byte]uint8{'a': 10, 'b': 80, 'c': 160, 'd': 240}
	for at, letter := range map[image.Point]byte{{}: 'a', {2, 0}: 'b', {0, 1}: 'c', {2, 1}: 'd'} {
		m.Set(at.X, at.Y, color.Gray{corner[letter]})
	}
	var plain bytes.Buffer
	if err := png.Encode(&plain, m); err != nil {
		t.Fatal(err)
	}
	for orientation, want := range turned {
		for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
			file := insert(plain.Bytes(), 33, pngChunk("eXIf", exifOf(orientation, order)))
			if got := Orientation(file); got != int(orientation) {
				t.Fatalf("orientation %d, want %d", got, orientation)
			}
			var got views.Image
			if err := Decode(file, &got); err != nil {
				t.Fatal(err)
			}
			if got.W != 3 {
				t.Errorf("Decode itself turned the image to width %d", got.W)
			}
			Upright(&got, file)
			var corners []uint8
			for _, at := range [][2]int{{0, 0}, {got.W - 1, 0}, {0, got.H - 1}, {got.W - 1, got.H - 1}} {
				corners = append(corners, got.Pix[3*(at[1]*got.W+at[0])])
			}
			var expected []uint8
			for i := range want {
				expected = append(expected, corner[want[i]])
			}
			if !slices.Equal(corners, expected) {
				t.Errorf("orientation %d: corners %v, want %v", orientation, corners, expected)
			}
		}
	}
}

func TestOrientationOfFormats(t *testing.T) {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 8, 8)), nil); err != nil {
		t.Fatal(err)
	}
	exif := append([]byte("Exif\x00\x00"), exifOf(6, binary.BigEndian)...)
	segment := func(marker byte, content []byte) []byte {
		return append([]byte{0xFF, marker, 0, byte(len(content) + 2)}, content...)
	}
	jfif := insert(b.Bytes(), 2, append(segment(0xE1, []byte("http://ns.adobe.com/xap/")), segment(0xE1, exif)...))
	webp := append([]byte("RIFF\x00\x00\x00\x00WEBPVP8X\x03\x00\x00\x00abc\x00EXIF"),
		binary.LittleEndian.AppendUint32(nil, uint32(len(exif)))...)
	for name, c := range map[string]struct {
		file []byte
		want int
	}{
		"JPEG": {jfif, 6}, "JPEG without EXIF": {b.Bytes(), 1}, "WebP": {append(webp, exif...), 6},
		"cut WebP": {append(webp, exif[:9]...), 1}, "cut JPEG": {jfif[:60], 1}, "no image": {[]byte("hello"), 1},
		"orientation 9": {insert(b.Bytes(), 2, segment(0xE1, append([]byte("Exif\x00\x00"), exifOf(9, binary.LittleEndian)...))), 1},
	} {
		if got := Orientation(c.file); got != c.want {
			t.Errorf("%s: orientation %d, want %d", name, got, c.want)
		}
	}
	for n := range jfif { // no prefix makes it panic
		Orientation(jfif[:n])
	}
}

func insert(b []byte, at int, more []byte) []byte { return slices.Concat(b[:at], more, b[at:]) }

func pngChunk(kind string, content []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(content)))
	b = append(append(b, kind...), content...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}
