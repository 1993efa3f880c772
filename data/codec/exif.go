package codec

import (
	"bytes"
	"encoding/binary"

	"contralens/views"
)

// Orientation returns how a file asks to be turned when it is shown, as EXIF writes it: 1 is
// upright, and up to 8 are mirrored or turned. It reads JPEG, PNG and WebP; other files are
// upright, and so are those whose EXIF is damaged. TIFF files are turned when they are decoded.
func Orientation(file []byte) int {
	var exif []byte
	switch Format(file) {
	case "JPEG":
		exif = jpegExif(file)
	case "PNG":
		exif = chunk(file[8:], "eXIf", binary.BigEndian, 4)
	case "WebP":
		exif = chunk(file[12:], "EXIF", binary.LittleEndian, 0)
	}
	exif = bytes.TrimPrefix(exif, []byte("Exif\x00\x00"))
	if len(exif) < 16 || !isTIFF(exif) {
		return 1
	}
	t, err := readTIFF(exif)
	if err != nil {
		return 1
	}
	if o := t.first(tiffOrientation, 1); o >= 1 && o <= 8 {
		return o
	}
	return 1
}

// Upright turns a decoded image as its file asks for.
func Upright(m *views.Image, file []byte) { turn(m, Orientation(file)) }

// jpegExif returns the content of the segment with EXIF, or nil.
func jpegExif(file []byte) []byte {
	for at := 2; at+4 <= len(file) && file[at] == 0xFF; {
		marker := file[at+1]
		switch marker {
		case 0xFF: // fill
			at++
			continue
		case 0xDA, 0xD9: // pixels, or the end
			return nil
		}
		end := at + 2 + int(binary.BigEndian.Uint16(file[at+2:]))
		if end < at+4 || end > len(file) {
			return nil
		}
		if content := file[at+4 : end]; marker == 0xE1 && bytes.HasPrefix(content, []byte("Exif\x00\x00")) {
			return content
		}
		at = end
	}
	return nil
}

// chunk returns the content of a chunk of PNG or RIFF, or nil. after is the number of bytes
// behind each content; in RIFF, a content of odd length has one.
func chunk(file []byte, name string, order binary.ByteOrder, after int) []byte {
	for len(file) >= 8 {
		kind, size := file[4:8], uint64(order.Uint32(file))
		if after == 0 { // RIFF has the name first
			kind, size = file[:4], uint64(order.Uint32(file[4:]))
		}
		if size > uint64(len(file)-8) {
			return nil
		}
		if string(kind) == name {
			return file[8 : 8+size]
		}
		next := 8 + size + uint64(after)
		if after == 0 {
			next += size % 2
		}
		file = file[min(next, uint64(len(file))):]
	}
	return nil
}
