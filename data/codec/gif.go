package codec

import (
	"bytes"
	"compress/lzw"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"io"
)

// gifFrame is the first image of a GIF file.
type gifFrame struct {
	canvas, area image.Rectangle
	palette      color.Palette
	interlaced   bool
	background   uint8 // index of the pixels around the image
	rest         []byte
}

var errGIFEnds = errors.New("the GIF file ends before its first image")

func gifSize(file []byte) (w, h int, err error) {
	f, err := readGIF(file)
	if err != nil {
		return 0, 0, err
	}
	return f.canvas.Dx(), f.canvas.Dy(), nil
}

// readGIF reads a GIF file up to the pixels of its first image. As in Pillow, an image
// beyond the canvas makes the canvas larger.
func readGIF(file []byte) (*gifFrame, error) {
	if len(file) < 13 {
		return nil, errGIFEnds
	}
	u16 := func(b []byte) int { return int(binary.LittleEndian.Uint16(b)) }
	f := &gifFrame{}
	w, h, flags := u16(file[6:]), u16(file[8:]), file[10]
	rest := file[13:]
	rest, err := f.colors(rest, flags)
	if err != nil {
		return nil, err
	}
	for {
		if len(rest) < 10 || rest[0] == ';' {
			return nil, errGIFEnds
		}
		switch rest[0] {
		case '!':
			// A graphic control block of 4 bytes names the transparent color.
			if rest[1] == 0xF9 && rest[2] >= 4 && rest[3]&1 != 0 {
				f.background = rest[6]
			}
			if _, rest, err = gifBlocks(rest[2:], nil); err != nil {
				return nil, err
			}
		case ',':
			f.area = image.Rect(0, 0, u16(rest[5:]), u16(rest[7:])).Add(image.Pt(u16(rest[1:]), u16(rest[3:])))
			f.canvas = image.Rect(0, 0, max(w, f.area.Max.X), max(h, f.area.Max.Y))
			f.interlaced = rest[9]&0x40 != 0
			f.rest, err = f.colors(rest[10:], rest[9])
			return f, err
		default:
			rest = rest[1:]
		}
	}
}

// colors reads a table of colors if the flags say that there is one. Without any table
// the image is gray.
func (f *gifFrame) colors(b []byte, flags byte) (rest []byte, err error) {
	if flags&0x80 == 0 {
		return b, nil
	}
	n := 2 << (flags & 7)
	if len(b) < 3*n {
		return nil, errGIFEnds
	}
	f.palette = make(color.Palette, n)
	for i := range f.palette {
		f.palette[i] = color.RGBA{b[3*i], b[3*i+1], b[3*i+2], 255}
	}
	return b[3*n:], nil
}

// gifBlocks appends blocks, each with its length before it, up to the empty one.
func gifBlocks(b, to []byte) (data, rest []byte, err error) {
	for len(b) > 0 {
		n := int(b[0])
		if n == 0 {
			return to, b[1:], nil
		}
		if len(b) < 1+n {
			break
		}
		to, b = append(to, b[1:1+n]...), b[1+n:]
	}
	return to, nil, errGIFEnds
}

// decodeGIF decodes the first image of a GIF file on its canvas.
func decodeGIF(file []byte) (image.Image, error) {
	f, err := readGIF(file)
	switch {
	case err != nil:
		return nil, err
	case len(f.rest) < 1 || f.rest[0] < 1 || f.rest[0] > 8:
		return nil, errors.New("the pixels of the GIF file are missing, or have other than 1 to 8 bits")
	}
	// Blocks after the pixels may be missing.
	data, _, _ := gifBlocks(f.rest[1:], nil)
	w, h := f.area.Dx(), f.area.Dy()
	r := lzw.NewReader(bytes.NewReader(data), lzw.LSB, int(f.rest[0]))
	pix, err := io.ReadAll(io.LimitReader(r, int64(w*h)))
	if len(pix) < w*h {
		if err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("its pixels end early, after %d of %d", len(pix), w*h)
		}
		return nil, err
	}
	if f.palette == nil {
		f.palette = make(color.Palette, 256)
		for i := range f.palette {
			f.palette[i] = color.RGBA{uint8(i), uint8(i), uint8(i), 255}
		}
	}
	m := image.NewPaletted(f.canvas, f.palette)
	for i := range m.Pix {
		m.Pix[i] = f.background
	}
	from := 0
	row := func(y int) {
		copy(m.Pix[m.PixOffset(f.area.Min.X, f.area.Min.Y+y):], pix[from:from+w])
		from += w
	}
	if !f.interlaced {
		for y := range h {
			row(y)
		}
		return m, nil
	}
	for _, p := range [][2]int{{0, 8}, {4, 8}, {2, 4}, {1, 2}} {
		for y := p[0]; y < h; y += p[1] {
			row(y)
		}
	}
	return m, nil
}
