package codec

import (
	"image"
	"image/color"
)

// Gray16 says how 16-bit gray becomes 8-bit.
type Gray16 string

// The values of Gray16. The empty one is ClipGray16.
const (
	ClipGray16  Gray16 = "clip"  // values above 255 become 255, as in Pillow's convert("RGB")
	HighGray16  Gray16 = "high"  // v / 256: the high byte
	RangeGray16 Gray16 = "range" // the smallest value of the image becomes 0, the largest 255
)

// table returns the function from 16 to 8 bits for a gray image m.
func (g Gray16) table(m image.Image) func(uint16) uint8 {
	if g == RangeGray16 {
		return g.between(grayRange(m))
	}
	return g.between(0, 0)
}

// between returns the function from 16 to 8 bits for values from low to high.
func (g Gray16) between(low, high uint16) func(uint16) uint8 {
	switch g {
	case HighGray16:
		return func(v uint16) uint8 { return uint8(v >> 8) }
	case RangeGray16:
		span := uint32(max(1, int(high)-int(low)))
		return func(v uint16) uint8 { return uint8((uint32(v-low)*255 + span/2) / span) }
	}
	return func(v uint16) uint8 { return uint8(min(v, 255)) }
}

// grayRange returns the smallest and the largest value of a gray image.
func grayRange(m image.Image) (low, high uint16) {
	low = 0xFFFF
	see := func(v uint16) { low, high = min(low, v), max(high, v) }
	switch m := m.(type) {
	case *image.Gray16:
		for i := 0; i+1 < len(m.Pix); i += 2 {
			see(uint16(m.Pix[i])<<8 | uint16(m.Pix[i+1]))
		}
	case *image.NRGBA64: // a gray PNG file with one transparent value
		for i := 0; i+7 < len(m.Pix); i += 8 {
			see(uint16(m.Pix[i])<<8 | uint16(m.Pix[i+1]))
		}
	default:
		r := m.Bounds()
		for y := r.Min.Y; y < r.Max.Y; y++ {
			for x := r.Min.X; x < r.Max.X; x++ {
				see(color.Gray16Model.Convert(m.At(x, y)).(color.Gray16).Y)
			}
		}
	}
	return low, high
}
