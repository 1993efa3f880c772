package codec

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"math/bits"

	"golang.org/x/image/ccitt"
	"golang.org/x/image/tiff/lzw"

	"contralens/data/codec/jpeg"
	"contralens/views"
)

// Values of the tag photometric: what samples mean.
const (
	tiffWhiteIsZero = 0
	tiffBlackIsZero = 1
	tiffRGB         = 2
	tiffPalette     = 3
	tiffCMYK        = 5
	tiffYCbCr       = 6
)

// tiffImage decodes the first image of a TIFF file.
type tiffImage struct {
	*tiffFile
	w, h, samples, bits   int
	format                int // of a sample: 1 unsigned, 2 signed, 3 floating point
	photometric, planes   int
	compression           int
	blockW, blockH        int // strips are as wide as the image
	offsets, counts       []uint64
	blocksPerRow, perPart int
}

// decodeTIFF decodes the first image of a TIFF file as Pillow does: strips or tiles of 1
// to 32 bits per sample, planar or not; gray, RGB, palette and CMYK; uncompressed, LZW,
// deflate, PackBits, fax and JPEG. The tag for the orientation is applied.
func decodeTIFF(file []byte, dst *views.Image, gray Gray16) error {
	f, err := readTIFF(file)
	if err != nil {
		return err
	}
	t, err := newTIFF(f)
	if err != nil {
		return err
	}
	// All samples of the image, row by row: one byte, or bits/8 bytes if that is more.
	size := max(1, t.bits/8) * t.samples
	if t.w*size > 1<<34/t.h {
		return fmt.Errorf("%d samples of %d bits per pixel are more than are decoded", t.samples, t.bits)
	}
	all := make([]byte, t.w*t.h*size)
	for i := range t.offsets {
		if err := t.block(i, all); err != nil {
			return err
		}
	}
	dst.Resize(t.w, t.h)
	t.colors(all, dst, gray)
	turn(dst, t.first(tiffOrientation, 1))
	return nil
}

func newTIFF(f *tiffFile) (*tiffImage, error) {
	t := &tiffImage{
		tiffFile: f, w: f.first(tiffWidth, 0), h: f.first(tiffLength, 0), samples: f.first(tiffSamples, 1),
		bits: f.first(tiffBits, 1), format: f.first(tiffSampleFormat, 1), planes: f.first(tiffPlanar, 1),
		photometric: f.first(tiffPhotometric, 0), compression: f.first(tiffCompression, 1),
	}
	for _, n := range f.numbers(tiffBits) {
		if int(n) != t.bits {
			return nil, errors.New("its samples have different numbers of bits")
		}
	}
	channels := map[int]int{tiffWhiteIsZero: 1, tiffBlackIsZero: 1, tiffRGB: 3, tiffPalette: 1, tiffCMYK: 4}
	if t.compression == 7 {
		channels[tiffYCbCr] = 3
	}
	switch want, ok := channels[t.photometric]; {
	case !ok:
		return nil, fmt.Errorf("its colors are of TIFF's kind %d", t.photometric)
	case t.samples < want || t.samples > 32:
		return nil, fmt.Errorf("it has %d samples per pixel, want %d", t.samples, want)
	case want > 1 && t.bits != 8 && t.bits != 16, t.photometric == tiffPalette && t.bits > 8, t.bits != 1 &&
		t.bits != 2 && t.bits != 4 && t.bits != 8 && t.bits != 16 && t.bits != 32, t.bits < 8 && t.samples > 1,
		t.photometric == tiffCMYK && t.bits != 8:
		return nil, fmt.Errorf("it has %d samples per pixel, of %d bits", t.samples, t.bits)
	case t.format > 3 || (t.format == 3 && t.bits != 32):
		return nil, fmt.Errorf("its samples are of TIFF's format %d with %d bits", t.format, t.bits)
	}
	t.blockW, t.blockH = t.w, min(t.h, t.first(tiffRowsPerStrip, t.h))
	t.offsets, t.counts = f.numbers(tiffStripOffsets), f.numbers(tiffStripCounts)
	if tile := t.first(tiffTileWidth, 0); tile > 0 {
		t.blockW, t.blockH = tile, t.first(tiffTileLength, 0)
		t.offsets, t.counts = f.numbers(tiffTileOffsets), f.numbers(tiffTileCounts)
	}
	if t.blockW < 1 || t.blockH < 1 || t.blockW > t.w+1<<16 || t.blockH > t.h+1<<16 {
		return nil, fmt.Errorf("its strips or tiles are of %d x %d pixels", t.blockW, t.blockH)
	}
	t.blocksPerRow = (t.w + t.blockW - 1) / t.blockW
	t.perPart = t.blocksPerRow * ((t.h + t.blockH - 1) / t.blockH)
	n := t.perPart
	if t.planes == 2 {
		n *= t.samples
	}
	if len(t.counts) == 0 && len(t.offsets) == 1 && t.compression == 1 {
		t.counts = []uint64{uint64(t.rowBytes() * t.h)}
	}
	if len(t.offsets) < n || len(t.counts) < n {
		return nil, fmt.Errorf("it has %d strips or tiles, want %d", min(len(t.offsets), len(t.counts)), n)
	}
	t.offsets = t.offsets[:n]
	return t, nil
}

// rowBytes returns the bytes of a row of a block.
func (t *tiffImage) rowBytes() int {
	n := t.blockW * t.bits
	if t.planes != 2 {
		n *= t.samples
	}
	return (n + 7) / 8
}

// block decodes strip or tile i into the samples of the image.
func (t *tiffImage) block(i int, all []byte) error {
	raw, err := t.part(t.offsets[i], t.counts[i])
	if err != nil {
		return err
	}
	at := i % t.perPart
	x0, y0 := at%t.blocksPerRow*t.blockW, at/t.blocksPerRow*t.blockH
	rows := t.blockH
	if t.first(tiffTileWidth, 0) == 0 {
		rows = min(rows, t.h-y0) // the last strip is shorter, but no tile is
	}
	b, err := t.expand(raw, rows)
	if err != nil {
		return err
	}
	size, columns := max(1, t.bits/8), min(t.blockW, t.w-x0)
	for y := range min(rows, t.h-y0) {
		row := y * t.rowBytes()
		if row+(columns*t.bits*t.inBlock()+7)/8 > len(b) {
			return fmt.Errorf("%w: a strip or tile has %d rows, want %d", errTIFFEnds, y, rows)
		}
		from := b[row:]
		to := all[((y0+y)*t.w+x0)*size*t.samples:]
		switch {
		case t.bits < 8:
			for x := range columns {
				bit := x * t.bits
				to[x] = from[bit/8] >> (8 - t.bits - bit%8) & (1<<t.bits - 1)
			}
		case t.planes == 2:
			for x := range columns {
				copy(to[(x*t.samples+i/t.perPart)*size:], from[x*size:(x+1)*size])
			}
		default:
			copy(to, from[:columns*size*t.samples])
		}
	}
	return nil
}

// inBlock returns the samples of a pixel that are together in a block.
func (t *tiffImage) inBlock() int {
	if t.planes == 2 {
		return 1
	}
	return t.samples
}

// expand decompresses a strip or tile of the given number of rows.
func (t *tiffImage) expand(raw []byte, rows int) (b []byte, err error) {
	fill := t.first(tiffFillOrder, 1) == 2
	if fax := t.compression >= 2 && t.compression <= 4; fax {
		return t.fax(raw, rows, fill)
	}
	if fill {
		raw = bytes.Clone(raw)
		for i, v := range raw {
			raw[i] = bits.Reverse8(v)
		}
	}
	want := rows * t.rowBytes()
	var r io.Reader
	switch t.compression {
	case 1:
		if t.first(tiffPredictor, 1) == 2 {
			raw = bytes.Clone(raw)
		}
		b = raw[:min(len(raw), want)]
	case 5:
		r = lzw.NewReader(bytes.NewReader(raw), lzw.MSB, 8)
	case 8, 32946:
		if r, err = zlib.NewReader(bytes.NewReader(raw)); err != nil {
			return nil, err
		}
	case 32773:
		b = unpackBits(raw, want)
	case 7:
		return t.jpeg(raw, rows)
	default:
		return nil, fmt.Errorf("its pixels are compressed by TIFF's method %d", t.compression)
	}
	if r != nil {
		// An error after the last row, such as a wrong checksum, does not matter.
		if b, err = io.ReadAll(io.LimitReader(r, int64(want))); err != nil && len(b) < want {
			return nil, err
		}
	}
	switch t.first(tiffPredictor, 1) {
	case 1:
	case 2:
		t.sumDifferences(b)
	default:
		return nil, errors.New("its pixels are predicted from floating-point differences")
	}
	return b, nil
}

// fax decompresses bilevel pixels. A black run of the fax is ones.
func (t *tiffImage) fax(raw []byte, rows int, fill bool) ([]byte, error) {
	if t.bits != 1 || t.samples != 1 {
		return nil, errors.New("it is compressed as a fax, but has more than one bit per pixel")
	}
	order, kind := ccitt.MSB, ccitt.Group3
	if fill {
		order = ccitt.LSB
	}
	if t.compression == 4 {
		kind = ccitt.Group4
	}
	o := &ccitt.Options{Invert: true, Align: t.compression == 2}
	return io.ReadAll(ccitt.NewReader(bytes.NewReader(raw), order, kind, t.blockW, rows, o))
}

// jpeg decodes a strip or tile that is a JPEG file, with tables that all of them share.
func (t *tiffImage) jpeg(raw []byte, rows int) ([]byte, error) {
	if t.bits != 8 || len(raw) < 4 || t.planes == 2 {
		return nil, errors.New("its JPEG strips are of another kind than 8 bits per sample")
	}
	file := []byte("\xFF\xD8")
	if t.photometric == tiffRGB || t.photometric == tiffYCbCr {
		transform := byte(0)
		if t.photometric == tiffYCbCr {
			transform = 1
		}
		file = append(append(file, "\xFF\xEE\x00\x0EAdobe\x00\x64\x00\x00\x00\x00"...), transform)
	}
	if tables := t.tags[tiffJPEGTables].data; len(tables) > 4 {
		file = append(file, tables[2:len(tables)-2]...)
	}
	var m views.Image
	if _, err := jpeg.Decode(append(file, raw[2:]...), &m); err != nil {
		return nil, err
	}
	if m.W < t.blockW || m.H < rows || (t.samples != 1 && t.samples != 3) {
		return nil, errors.New("a JPEG strip or tile has another size than the TIFF file says")
	}
	if t.samples == 3 && m.W == t.blockW {
		return m.Pix, nil
	}
	b := make([]byte, 0, t.blockW*rows*t.samples)
	for y := range rows {
		for x := range t.blockW {
			b = append(b, m.Pix[3*(y*m.W+x):][:t.samples]...)
		}
	}
	return b, nil
}

// sumDifferences replaces the differences to the pixel on the left by values.
func (t *tiffImage) sumDifferences(b []byte) {
	size, n := t.bits/8, t.inBlock()
	for row := t.rowBytes(); len(b) >= row && row > 0; b = b[row:] {
		for at := n * size; at+size <= row; at += size {
			before, here := b[at-n*size:], b[at:]
			switch size {
			case 1:
				here[0] += before[0]
			case 2:
				t.order.PutUint16(here, t.order.Uint16(here)+t.order.Uint16(before))
			case 4:
				t.order.PutUint32(here, t.order.Uint32(here)+t.order.Uint32(before))
			default:
				return
			}
		}
	}
}

// unpackBits decompresses runs of bytes, up to want bytes.
func unpackBits(raw []byte, want int) (b []byte) {
	for len(raw) > 1 && len(b) < want {
		n := int(int8(raw[0]))
		switch {
		case n >= 0:
			n = min(n+1, len(raw)-1)
			b, raw = append(b, raw[1:1+n]...), raw[1+n:]
		case n == -128:
			raw = raw[1:]
		default:
			b, raw = append(b, bytes.Repeat(raw[1:2], 1-n)...), raw[2:]
		}
	}
	return b[:min(len(b), want)]
}
