package views

import "math"

// gray is ITU-R 601 luma in 16-bit fixed point.
func gray(p []uint8) uint8 {
	return uint8((19595*uint32(p[0]) + 38470*uint32(p[1]) + 7471*uint32(p[2]) + 32768) >> 16)
}

// Gray makes the three channels equal to the luma.
func (m *Image) Gray() {
	for i := 0; i < len(m.Pix); i += 3 {
		p := m.Pix[i : i+3 : i+3]
		v := gray(p)
		p[0], p[1], p[2] = v, v, v
	}
}

// blend is a + f (b-a), clamped and truncated.
func blend(a, b uint8, f float32) uint8 {
	x, y := float32(a), float32(b)
	v := x + float32(f*(y-x))
	switch {
	case v <= 0:
		return 0
	case v >= 255:
		return 255
	}
	return uint8(v)
}

// blendAll blends every value with the constant a.
func (m *Image) blendAll(a uint8, f float32) {
	var table [256]uint8
	for v := range table {
		table[v] = blend(a, uint8(v), f)
	}
	for i, v := range m.Pix {
		m.Pix[i] = table[v]
	}
}

// Brightness blends with black; factor 1 changes nothing.
func (m *Image) Brightness(factor float64) { m.blendAll(0, float32(factor)) }

// Contrast blends with the mean luma; factor 1 changes nothing.
func (m *Image) Contrast(factor float64) {
	sum := 0
	for i := 0; i < len(m.Pix); i += 3 {
		sum += int(gray(m.Pix[i : i+3 : i+3]))
	}
	m.blendAll(uint8(float64(sum)/float64(m.W*m.H)+0.5), float32(factor))
}

// Saturation blends with the gray image; factor 1 changes nothing.
func (m *Image) Saturation(factor float64) {
	f := float32(factor)
	for i := 0; i < len(m.Pix); i += 3 {
		p := m.Pix[i : i+3 : i+3]
		a := gray(p)
		p[0], p[1], p[2] = blend(a, p[0], f), blend(a, p[1], f), blend(a, p[2], f)
	}
}

// Hue shifts the hue by a fraction of a full turn, in 8-bit HSV as Pillow does. The
// conversion to HSV and back rounds values even if factor is 0.
func (m *Image) Hue(factor float64) {
	shift := uint8(int(factor * 255))
	for i := 0; i < len(m.Pix); i += 3 {
		p := m.Pix[i : i+3 : i+3]
		h, s, v := hsv(p[0], p[1], p[2])
		p[0], p[1], p[2] = rgb(h+shift, s, v)
	}
}

// hsv mirrors Pillow's mixture of float and double arithmetic.
func hsv(r, g, b uint8) (h, s, v uint8) {
	hi, lo := max(r, g, b), min(r, g, b)
	if hi == lo {
		return 0, 0, hi
	}
	cr := float32(hi - lo)
	rc, gc, bc := float32(hi-r)/cr, float32(hi-g)/cr, float32(hi-b)/cr
	var hue float32
	switch hi {
	case r:
		hue = bc - gc
	case g:
		hue = float32(2 + float64(rc) - float64(bc))
	default:
		hue = float32(4 + float64(gc) - float64(rc))
	}
	turn := float64(hue)/6 + 1
	hue = float32(turn - math.Floor(turn))
	return uint8(float64(hue) * 255), uint8(float64(cr/float32(hi)) * 255), hi
}

func rgb(h, s, v uint8) (r, g, b uint8) {
	if s == 0 {
		return v, v, v
	}
	sector := math.Floor(float64(h) * 6 / 255)
	f := float32(float64(h)*6/255 - sector)
	fs := float32(float64(s) / 255)
	value := float64(v)
	p := uint8(value*(1-float64(fs)) + 0.5)
	q := uint8(value*(1-float64(float32(fs*f))) + 0.5)
	t := uint8(value*(1-float64(fs)*(1-float64(f))) + 0.5)
	switch int(sector) % 6 {
	case 0:
		return v, t, p
	case 1:
		return q, v, p
	case 2:
		return p, v, t
	case 3:
		return p, q, v
	case 4:
		return t, p, v
	}
	return v, p, q
}
