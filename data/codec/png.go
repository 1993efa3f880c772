package codec

import (
	"bytes"
	"cmp"
	"compress/flate"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"io"
)

const (
	pngSignature = "\x89PNG\r\n\x1a\n"
	pngHeaderEnd = 8 + 12 + 13 // of the signature and the first chunk
)

// pngSize reads the size of a PNG file, whose first chunk is IHDR.
func pngSize(file []byte) (w, h int, err error) {
	if len(file) < pngHeaderEnd || string(file[12:16]) != "IHDR" {
		return 0, 0, errors.New("the PNG header is cut short")
	}
	return int(int32(binary.BigEndian.Uint32(file[16:]))), int(int32(binary.BigEndian.Uint32(file[20:]))), nil
}

// decodePNG decodes a PNG file, also one that breaks rules that libpng and Pillow do not
// insist on. damage names the rule.
func decodePNG(file []byte) (m image.Image, damage string, err error) {
	if m, err = png.Decode(bytes.NewReader(file)); err != nil {
		if file, damage, err = repairPNG(file); err != nil {
			return nil, "", err
		}
		if m, err = png.Decode(bytes.NewReader(file)); err != nil {
			return nil, "", err
		}
	}
	if p, ok := m.(*image.Paletted); ok {
		// The package gives pixels beyond the palette black, Pillow gray of their index.
		for i := pngColors(file); i < len(p.Palette); i++ {
			p.Palette[i] = color.RGBA{uint8(i), uint8(i), uint8(i), 255}
			damage = cmp.Or(damage, "it has pixels of colors that its palette lacks")
		}
	}
	return m, damage, nil
}

// pngColors returns the number of colors in the palette of a file.
func pngColors(file []byte) int {
	for at := 8; at+12 <= len(file); {
		size := int(binary.BigEndian.Uint32(file[at:]))
		if string(file[at+4:at+8]) == "PLTE" {
			return size / 3
		}
		at += 12 + size
	}
	return 0
}

// repairPNG writes a PNG file again with its header, palette and pixels, without its
// other chunks and with new checksums. Transparency is left out, because Decode drops it.
// All pixels must be there. damage says what was wrong.
func repairPNG(file []byte) (fixed []byte, damage string, err error) {
	c, err := readPNG(file)
	if err != nil {
		return nil, "", err
	}
	pixels, damage, err := c.inflate()
	if err != nil {
		return nil, "", err
	}
	damage = cmp.Or(c.damage, damage, "its chunks are out of order or damaged")
	var b bytes.Buffer
	b.WriteString(pngSignature)
	writeChunk(&b, "IHDR", c.header)
	if c.kind() == 3 {
		writeChunk(&b, "PLTE", c.palette)
	}
	var z bytes.Buffer
	w, err := zlib.NewWriterLevel(&z, zlib.NoCompression)
	if err != nil {
		return nil, "", err
	}
	if _, err = w.Write(pixels); err == nil {
		err = w.Close()
	}
	writeChunk(&b, "IDAT", z.Bytes())
	writeChunk(&b, "IEND", nil)
	return b.Bytes(), damage, err
}

func writeChunk(b *bytes.Buffer, tag string, data []byte) {
	at := b.Len()
	b.Write(binary.BigEndian.AppendUint32(nil, uint32(len(data))))
	b.WriteString(tag)
	b.Write(data)
	b.Write(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(b.Bytes()[at+4:])))
}

// pngChunks are the parts of a PNG file that its pixels depend on.
type pngChunks struct {
	header, palette, data []byte
	damage                string
}

func (c *pngChunks) depth() int { return int(c.header[8]) }
func (c *pngChunks) kind() byte { return c.header[9] }

// readPNG collects the chunks of a file, whatever their checksums and order are.
func readPNG(file []byte) (*pngChunks, error) {
	if _, _, err := pngSize(file); err != nil {
		return nil, err
	}
	c := &pngChunks{}
	ended := false
	for at := 8; !ended; {
		if len(file)-at < 12 {
			c.damage = cmp.Or(c.damage, "its end is missing")
			// The last chunk may lack its checksum.
			if len(file)-at < 8 {
				break
			}
		}
		size := int(binary.BigEndian.Uint32(file[at:]))
		tag := string(file[at+4 : at+8])
		data := file[at+8:]
		if size > len(data) {
			c.damage = cmp.Or(c.damage, "its end is missing")
			size = len(data)
		}
		data = data[:size]
		if crc := file[at+8+size:]; len(crc) >= 4 &&
			binary.BigEndian.Uint32(crc) != crc32.ChecksumIEEE(file[at+4:at+8+size]) {
			if tag == "IHDR" {
				return nil, errors.New("the checksum of its PNG header is wrong")
			}
			c.damage = cmp.Or(c.damage, "the checksum of a PNG chunk is wrong")
		}
		switch tag {
		case "IHDR":
			c.header = data
		case "PLTE":
			c.palette = data
		case "IDAT":
			c.data = append(c.data, data...)
		case "IEND":
			ended = true
		}
		if at += 12 + size; at > len(file) {
			c.damage = cmp.Or(c.damage, "its end is missing")
			break
		}
	}
	return c, c.checkPalette()
}

// checkPalette cuts the palette to the colors that pixels can have.
func (c *pngChunks) checkPalette() error {
	if len(c.header) != 13 {
		return fmt.Errorf("its PNG header has %d bytes, want 13", len(c.header))
	}
	if c.kind() != 3 {
		return nil
	}
	if len(c.palette) < 3 {
		return errors.New("it has pixels of a palette, but no palette")
	}
	if most := 3 << min(8, c.depth()); len(c.palette) > most || len(c.palette)%3 != 0 {
		c.damage = cmp.Or(c.damage, "the length of its palette is wrong")
		c.palette = c.palette[:min(most, len(c.palette)/3*3)]
	}
	return nil
}

// inflate decompresses the pixels. Neither their checksum nor what follows them matters.
func (c *pngChunks) inflate() (pixels []byte, damage string, err error) {
	if len(c.data) < 2 || c.data[0]&0x0F != 8 || c.data[1]&0x20 != 0 {
		return nil, "", errors.New("its pixels are missing or are not compressed by zlib")
	}
	want, err := c.size()
	if err != nil {
		return nil, "", err
	}
	in := bytes.NewReader(c.data[2:])
	r := flate.NewReader(in)
	// The size in a forged header must not reserve memory that the data cannot fill.
	pixels, err = io.ReadAll(io.LimitReader(r, int64(want)))
	if len(pixels) < want {
		if err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("its pixels end early, after %d of %d bytes", len(pixels), want)
		}
		return nil, "", err
	}
	if n, _ := r.Read(make([]byte, 1)); n > 0 {
		return pixels, "it has more pixels than its header says", nil
	}
	if in.Len() != 4 {
		return pixels, "the checksum of its pixels is missing, or bytes follow it", nil
	}
	return pixels, "", nil
}

// size returns the number of bytes of all rows and their filters.
func (c *pngChunks) size() (int, error) {
	w, h := int(binary.BigEndian.Uint32(c.header)), int(binary.BigEndian.Uint32(c.header[4:]))
	channels, ok := map[byte]int{0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[c.kind()]
	switch d := c.depth(); {
	case !ok, d != 1 && d != 2 && d != 4 && d != 8 && d != 16:
		return 0, fmt.Errorf("its color type is %d with %d bits, which PNG does not have", c.kind(), d)
	case w < 1 || h < 1 || w > maxPixels/h:
		return 0, fmt.Errorf("its size is %d x %d", w, h)
	}
	rows := func(w, h int) int {
		if w == 0 {
			return 0
		}
		return h * (1 + (w*channels*c.depth()+7)/8)
	}
	if c.header[12] == 0 {
		return rows(w, h), nil
	}
	n := 0
	for _, p := range [][4]int{ // Adam7: first column and row, distances of columns and rows
		{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2},
	} {
		n += rows((w-p[0]+p[2]-1)/p[2], (h-p[1]+p[3]-1)/p[3])
	}
	return n, nil
}
