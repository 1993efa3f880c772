package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"

	"golang.org/x/image/bmp"

	"contralens/views"
)

// bmpHeader is what the pixels of a BMP file depend on.
type bmpHeader struct {
	w, h        int
	down        bool // the first row is the top one
	depth       int  // bits of a pixel
	compression uint32
	masks       [3]uint32 // of red, green and blue, in pixels of 16 and 32 bits
	palette     [][3]uint8
	pixels      []byte
}

// Values of the field compression.
const (
	bmpRGB       = 0
	bmpRLE8      = 1
	bmpRLE4      = 2
	bmpBitfields = 3
)

// decodeBMP decodes the common kinds of BMP with golang.org/x/image/bmp, and all others
// that Windows and OS/2 have written since 1987 here: other headers, run lengths, 16 bits
// and masks of bits.
func decodeBMP(file []byte, dst *views.Image) error {
	if m, err := bmp.Decode(bytes.NewReader(file)); err == nil {
		return convert(dst, m, nil)
	}
	b, err := readBMP(file)
	if err != nil {
		return err
	}
	dst.Resize(b.w, b.h)
	switch {
	case b.compression == bmpRLE8 || b.compression == bmpRLE4:
		return b.runLengths(dst)
	case b.depth <= 8:
		return b.paletted(dst)
	}
	return b.colors(dst)
}

// bmpSize reads the size of a BMP file.
func bmpSize(file []byte) (w, h int, err error) {
	b, err := readBMPHeader(file)
	if err != nil {
		return 0, 0, err
	}
	return b.w, b.h, nil
}

// readBMPHeader reads the fields that all headers have, those of OS/2 from 1987 included.
func readBMPHeader(file []byte) (b bmpHeader, err error) {
	if len(file) < 26 {
		return b, errors.New("the BMP header is cut short")
	}
	u16, u32 := binary.LittleEndian.Uint16, binary.LittleEndian.Uint32
	size := int(u32(file[14:]))
	switch {
	case size == 12:
		b.w, b.h, b.depth = int(u16(file[18:])), int(u16(file[20:])), int(u16(file[24:]))
		return b, nil
	case size < 16 || size > 1<<10 || len(file) < 14+size:
		return b, fmt.Errorf("its BMP header has %d bytes", size)
	}
	b.w, b.h, b.depth = int(int32(u32(file[18:]))), int(int32(u32(file[22:]))), int(u16(file[28:]))
	if b.h < 0 {
		b.h, b.down = -b.h, true
	}
	if size >= 20 {
		b.compression = u32(file[30:])
	}
	return b, nil
}

func readBMP(file []byte) (*bmpHeader, error) {
	b, err := readBMPHeader(file)
	if err != nil {
		return nil, err
	}
	u32 := binary.LittleEndian.Uint32
	size := int(u32(file[14:]))
	start := int(u32(file[10:])) // of the pixels
	used := 0
	if size >= 36 {
		used = int(u32(file[46:]))
	}
	table := 14 + size
	if err := b.checkKind(); err != nil {
		return nil, err
	}
	if b.depth > 8 {
		if b.compression == bmpBitfields {
			// The masks are the last fields of newer headers, and follow the oldest one.
			if len(file) < 66 {
				return nil, errors.New("the BMP header is cut short")
			}
			b.masks = [3]uint32{u32(file[54:]), u32(file[58:]), u32(file[62:])}
		} else if b.depth == 16 {
			b.masks = [3]uint32{0x7C00, 0x3E0, 0x1F}
		} else {
			b.masks = [3]uint32{0xFF0000, 0xFF00, 0xFF}
		}
	} else {
		colorBytes := 4
		if size == 12 {
			colorBytes = 3
		}
		if used == 0 || used > 1<<b.depth {
			used = 1 << b.depth
		}
		for i := range used {
			at := table + i*colorBytes
			if at+3 > len(file) || (start > table && at+3 > start) {
				break
			}
			b.palette = append(b.palette, [3]uint8{file[at+2], file[at+1], file[at]})
		}
		table += len(b.palette) * colorBytes
	}
	if start == 0 {
		start = table
	}
	if start > len(file) {
		return nil, fmt.Errorf("its pixels begin at byte %d of %d", start, len(file))
	}
	b.pixels = file[start:]
	return &b, nil
}

// checkKind reports kinds of pixels that do not exist.
func (b *bmpHeader) checkKind() error {
	switch {
	case b.compression == bmpRGB && (b.depth == 1 || b.depth == 2 || b.depth == 4 || b.depth == 8 ||
		b.depth == 16 || b.depth == 24 || b.depth == 32),
		b.compression == bmpRLE8 && b.depth == 8, b.compression == bmpRLE4 && b.depth == 4,
		b.compression == bmpBitfields && (b.depth == 16 || b.depth == 32):
		return nil
	}
	return fmt.Errorf("its BMP pixels have %d bits with compression %d", b.depth, b.compression)
}

// row returns the pixels of row y in the file, which is padded to 4 bytes.
func (b *bmpHeader) row(y int) ([]byte, error) {
	if !b.down {
		y = b.h - 1 - y
	}
	size := (b.w*b.depth + 31) / 32 * 4
	if end := (y + 1) * size; end > len(b.pixels) {
		// The padding of the last row may be missing.
		if end-size+(b.w*b.depth+7)/8 <= len(b.pixels) {
			return b.pixels[y*size:], nil
		}
		return nil, io.ErrUnexpectedEOF
	}
	return b.pixels[y*size:][:size], nil
}

// color returns a color of the palette; those that it lacks are gray, as in Pillow.
func (b *bmpHeader) color(i byte) [3]uint8 {
	if int(i) < len(b.palette) {
		return b.palette[i]
	}
	return [3]uint8{i, i, i}
}

func (b *bmpHeader) paletted(dst *views.Image) error {
	for y := range b.h {
		row, err := b.row(y)
		if err != nil {
			return err
		}
		to := dst.Pix[3*y*b.w:]
		for x := range b.w {
			bit := x * b.depth
			i := row[bit/8] >> (8 - b.depth - bit%8) & (1<<b.depth - 1)
			c := b.color(i)
			copy(to[3*x:3*x+3], c[:])
		}
	}
	return nil
}

// colors reads pixels of 16, 24 or 32 bits. A channel of n bits becomes
// ⌊255 v / (2ⁿ - 1)⌋, as in Pillow.
func (b *bmpHeader) colors(dst *views.Image) error {
	var shift, most [3]uint32
	for c, m := range b.masks {
		if m == 0 {
			return errors.New("its BMP header has no mask for a color")
		}
		shift[c] = uint32(bits.TrailingZeros32(m))
		most[c] = m >> shift[c]
	}
	size := b.depth / 8
	for y := range b.h {
		row, err := b.row(y)
		if err != nil {
			return err
		}
		to := dst.Pix[3*y*b.w:]
		for x := range b.w {
			var v uint32
			for i, p := range row[x*size:][:size] {
				v |= uint32(p) << (8 * i)
			}
			for c := range 3 {
				to[3*x+c] = uint8(uint64(v&b.masks[c]>>shift[c]) * 255 / uint64(most[c]))
			}
		}
	}
	return nil
}

// runLengths reads pixels in runs. Pixels that are skipped have the first color.
func (b *bmpHeader) runLengths(dst *views.Image) error {
	first := b.color(0)
	for i := 0; i < len(dst.Pix); i += 3 {
		copy(dst.Pix[i:i+3], first[:])
	}
	x, y := 0, 0
	put := func(i byte) {
		if x < b.w && y < b.h {
			line := y
			if !b.down {
				line = b.h - 1 - y
			}
			c := b.color(i)
			copy(dst.Pix[3*(line*b.w+x):][:3], c[:])
		}
		x++
	}
	p := b.pixels
	for {
		switch {
		case len(p) < 2:
			if y < b.h-1 || (y == b.h-1 && x < b.w) {
				return io.ErrUnexpectedEOF
			}
			return nil // only the mark of the end is missing
		case p[0] > 0: // a run
			for i := range int(p[0]) {
				put(b.half(p[1], i))
			}
			p = p[2:]
		case p[1] == 0: // end of the line
			x, y, p = 0, y+1, p[2:]
		case p[1] == 1: // end of the image
			return nil
		case p[1] == 2: // move
			if len(p) < 4 {
				return io.ErrUnexpectedEOF
			}
			x, y, p = x+int(p[2]), y+int(p[3]), p[4:]
		default: // pixels, padded to 2 bytes
			n := int(p[1])
			size := (n*b.depth + 15) / 16 * 2
			if len(p) < 2+size {
				return io.ErrUnexpectedEOF
			}
			for i := range n {
				put(b.half(p[2+i*b.depth/8], i))
			}
			p = p[2+size:]
		}
	}
}

// half returns the color of pixel i of a run or of a row: with 4 bits a byte has two.
func (b *bmpHeader) half(v byte, i int) byte {
	switch {
	case b.depth == 8:
		return v
	case i%2 == 0:
		return v >> 4
	}
	return v & 15
}
