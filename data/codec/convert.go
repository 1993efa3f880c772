package codec

import (
	"fmt"
	"image"
	"image/color"

	"contralens/views"
)

// convert copies the colors of m to dst. to8, unless nil, makes 8-bit values of 16-bit
// gray; 16-bit colors keep their high byte.
func convert(dst *views.Image, m image.Image, to8 func(uint16) uint8) error {
	r := m.Bounds()
	w, h := r.Dx(), r.Dy()
	dst.Resize(w, h)
	// rows calls pixel for every pixel, with its values in m and dst.
	rows := func(pix []uint8, stride, step int, pixel func(to, from []uint8)) {
		for y := range h {
			from, to := pix[y*stride:], dst.Pix[3*y*w:3*(y+1)*w]
			for x := range w {
				pixel(to[3*x:3*x+3], from[x*step:(x+1)*step])
			}
		}
	}
	deep := func(to, from []uint8) { to[0], to[1], to[2] = from[0], from[2], from[4] }
	if to8 != nil {
		deep = func(to, from []uint8) {
			v := to8(uint16(from[0])<<8 | uint16(from[1]))
			to[0], to[1], to[2] = v, v, v
		}
	}
	first3 := func(to, from []uint8) { copy(to, from[:3]) }
	switch m := m.(type) {
	case *image.Gray:
		rows(m.Pix, m.Stride, 1, func(to, from []uint8) { to[0], to[1], to[2] = from[0], from[0], from[0] })
	case *image.Gray16:
		rows(m.Pix, m.Stride, 2, deep)
	case *image.RGBA: // only for opaque images
		rows(m.Pix, m.Stride, 4, first3)
	case *image.NRGBA:
		rows(m.Pix, m.Stride, 4, first3)
	case *image.RGBA64: // only for opaque images
		rows(m.Pix, m.Stride, 8, deep)
	case *image.NRGBA64:
		rows(m.Pix, m.Stride, 8, deep)
	case *image.Paletted:
		var table [256][3]uint8
		for i, c := range m.Palette[:min(256, len(m.Palette))] {
			switch c := c.(type) {
			case color.NRGBA:
				table[i] = [3]uint8{c.R, c.G, c.B}
			case color.RGBA:
				table[i] = [3]uint8{c.R, c.G, c.B}
			}
		}
		rows(m.Pix, m.Stride, 1, func(to, from []uint8) { copy(to, table[from[0]][:]) })
	case *image.YCbCr:
		convertWebP(dst, m)
	case *image.NYCbCrA:
		convertWebP(dst, &m.YCbCr)
	default:
		return fmt.Errorf("its pixels are %T", m)
	}
	return nil
}
