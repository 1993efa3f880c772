package codec

import (
	"math"

	"contralens/views"
)

// colors makes the pixels of dst from the samples of the image.
func (t *tiffImage) colors(all []byte, dst *views.Image, gray Gray16) {
	switch {
	case t.photometric == tiffRGB || t.photometric == tiffYCbCr:
		t.rgb(all, dst)
	case t.photometric == tiffCMYK:
		t.cmyk(all, dst)
	case t.photometric == tiffPalette:
		t.paletted(all, dst)
	case t.bits > 8:
		t.deepGray(all, dst, gray)
	default:
		most := 1<<t.bits - 1
		for i := range t.w * t.h {
			v := int(all[i*t.samples]) * 255 / most
			if t.photometric == tiffWhiteIsZero {
				v = 255 - v
			}
			dst.Pix[3*i], dst.Pix[3*i+1], dst.Pix[3*i+2] = uint8(v), uint8(v), uint8(v)
		}
	}
}

// high returns the offset of a sample's high byte.
func (t *tiffImage) high() int {
	if t.bits == 16 && t.order.Uint16([]byte{0, 1}) == 256 {
		return 1
	}
	return 0
}

// rgb takes the high byte of each color. If the fourth sample is an alpha that colors are
// multiplied by, it divides by it.
func (t *tiffImage) rgb(all []byte, dst *views.Image) {
	size, high := t.bits/8, t.high()
	premultiplied := t.samples > 3 && t.first(tiffExtraSamples, 0) == 1
	for i := range t.w * t.h {
		from, to := all[i*size*t.samples+high:], dst.Pix[3*i:3*i+3]
		to[0], to[1], to[2] = from[0], from[size], from[2*size]
		if !premultiplied {
			continue
		}
		a := int(from[3*size])
		for c, v := range to {
			if to[c] = 0; a > 0 {
				to[c] = uint8(min(255, int(v)*255/a))
			}
		}
	}
}

// cmyk converts inks as Pillow does.
func (t *tiffImage) cmyk(all []byte, dst *views.Image) {
	for i := range t.w * t.h {
		from, to := all[i*t.samples:], dst.Pix[3*i:3*i+3]
		k := 255 - int(from[3])
		for c := range to {
			ink := int(from[c])*k + 128
			to[c] = uint8(max(0, k-(ink>>8+ink)>>8))
		}
	}
}

// paletted takes the high bytes of the map's 16-bit colors. Colors that it lacks are black.
func (t *tiffImage) paletted(all []byte, dst *views.Image) {
	table := t.numbers(tiffColorMap)
	n := len(table) / 3
	for i := range t.w * t.h {
		v := int(all[i*t.samples])
		for c := range 3 {
			dst.Pix[3*i+c] = 0
			if v < n {
				dst.Pix[3*i+c] = uint8(table[c*n+v] >> 8)
			}
		}
	}
}

// deepGray reads gray of 16 or 32 bits.
func (t *tiffImage) deepGray(all []byte, dst *views.Image, gray Gray16) {
	value := t.sample(all)
	n := t.w * t.h
	low, high := math.Inf(1), math.Inf(-1)
	if gray == RangeGray16 {
		for i := range n {
			if v := value(i); !math.IsNaN(v) && !math.IsInf(v, 0) {
				low, high = min(low, v), max(high, v)
			}
		}
	}
	for i := range n {
		v := value(i)
		switch {
		case gray == RangeGray16 && high > low:
			v = 255*((v-low)/(high-low)) + 0.5
		case gray == RangeGray16:
			v = 0
		case gray == HighGray16 && t.bits == 16:
			v = math.Floor(v / 256)
		}
		b := uint8(0)
		if v > 0 { // not NaN
			b = uint8(min(v, 255))
		}
		dst.Pix[3*i], dst.Pix[3*i+1], dst.Pix[3*i+2] = b, b, b
	}
}

// sample returns the function from the index of a pixel to its first sample.
func (t *tiffImage) sample(all []byte) func(i int) float64 {
	size := t.bits / 8 * t.samples
	invert := t.photometric == tiffWhiteIsZero && t.format == 1
	switch {
	case t.format == 3:
		return func(i int) float64 { return float64(math.Float32frombits(t.order.Uint32(all[i*size:]))) }
	case t.bits == 16 && t.format == 2:
		return func(i int) float64 { return float64(int16(t.order.Uint16(all[i*size:]))) }
	case t.bits == 16:
		return func(i int) float64 {
			v := t.order.Uint16(all[i*size:])
			if invert {
				v = ^v
			}
			return float64(v)
		}
	case t.format == 2:
		return func(i int) float64 { return float64(int32(t.order.Uint32(all[i*size:]))) }
	}
	return func(i int) float64 { return float64(t.order.Uint32(all[i*size:])) }
}

// turn applies a TIFF orientation, 1 to 8, to an image.
func turn(m *views.Image, orientation int) {
	if orientation < 2 || orientation > 8 {
		return
	}
	var from views.Image
	from.Copy(m)
	if orientation > 4 {
		m.Resize(from.H, from.W)
	}
	for y := range m.H {
		for x := range m.W {
			u, v := x, y
			if orientation > 4 {
				u, v = y, x
			}
			switch orientation {
			case 2, 7, 3, 8:
				u = from.W - 1 - u
			}
			switch orientation {
			case 3, 4, 6, 7:
				v = from.H - 1 - v
			}
			copy(m.Pix[3*(y*m.W+x):][:3], from.Pix[3*(v*from.W+u):])
		}
	}
}
