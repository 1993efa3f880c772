package views

import "math"

// GaussianBlur is Pillow's: three extended box blurs along rows, then three
// along columns, whose variances add up to sigma² (sigma in pixels).
func (m *Image) GaussianBlur(sigma float64, sc *Scratch) {
	radius := boxRadius(float32(sigma))
	n := max(m.W, m.H)
	if cap(sc.line) < 3*n {
		sc.line, sc.box = make([]uint8, 3*n), make([]uint8, 3*n)
	}
	for y := range m.H {
		row := m.Pix[3*y*m.W : 3*(y+1)*m.W]
		a, b := sc.line[:len(row)], sc.box[:len(row)]
		boxBlur(a, row, radius)
		boxBlur(b, a, radius)
		boxBlur(row, b, radius)
	}
	stride := 3 * m.W
	for x := range m.W {
		a, b := sc.line[:3*m.H], sc.box[:3*m.H]
		for y := range m.H {
			copy(a[3*y:3*y+3], m.Pix[y*stride+3*x:])
		}
		boxBlur(b, a, radius)
		boxBlur(a, b, radius)
		boxBlur(b, a, radius)
		for y := range m.H {
			copy(m.Pix[y*stride+3*x:y*stride+3*x+3], b[3*y:])
		}
	}
}

// boxRadius is the radius, with a fraction, of a box whose threefold
// convolution has variance sigma² (Gwosdek et al. 2011), in float32.
func boxRadius(sigma float32) float32 {
	s2 := sigma * sigma / 3
	l := float32(math.Floor((math.Sqrt(12*float64(s2)+1) - 1) / 2))
	a := float32((2*l + 1) * float32(float32(l*(l+1))-float32(3*s2)))
	a /= float32(6 * float32(s2-float32((l+1)*(l+1))))
	return l + a
}

// boxBlur averages each channel of a line over 2·radius+1 pixels; the two
// outermost count by radius's fraction, and the line's ends repeat.
func boxBlur(dst, src []uint8, radius float32) {
	n := len(src) / 3
	r := int(radius)
	inner := uint32(float32(1<<24) / (radius*2 + 1))
	outer := (1<<24 - uint32(2*r+1)*inner) / 2
	last := n - 1
	for c := range 3 {
		at := func(i int) uint32 { return uint32(src[3*min(max(i, 0), last)+c]) }
		var sum uint32
		for i := -r; i <= r; i++ {
			sum += at(i)
		}
		for x := range n {
			dst[3*x+c] = uint8((sum*inner + (at(x-r-1)+at(x+r+1))*outer + 1<<23) >> 24)
			sum += at(x+r+1) - at(x-r)
		}
	}
}
