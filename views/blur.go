package views

import "math"

// GaussianBlur is Pillow's Gaussian blur: three extended box blurs along the rows, then
// three along the columns. Their variances add up to sigma²; sigma is in pixels.
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

// boxRadius returns the fractional radius of a box whose threefold convolution has
// variance sigma² (Gwosdek et al., 2011), in float32.
func boxRadius(sigma float32) float32 {
	s2 := sigma * sigma / 3
	l := float32(math.Floor((math.Sqrt(12*float64(s2)+1) - 1) / 2))
	a := float32((2*l + 1) * float32(float32(l*(l+1))-float32(3*s2)))
	a /= float32(6 * float32(s2-float32((l+1)*(l+1))))
	return l + a
}

// boxBlur averages each channel of a line over 2·radius+1 pixels. The two outermost
// pixels are weighted by the fraction of radius; the ends of the line repeat.
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

const reach = 11 // taps on either side of the 23-tap blur

// gauss23 are the taps 0 … 11 of the normalized kernel exp(-x²/2σ²).
func gauss23(sigma float64) (taps [reach + 1]float32) {
	var exact [reach + 1]float64
	sum := -1.0 // the middle tap counts once, the others twice
	for x := range exact {
		exact[x] = math.Exp(-float64(x*x) / (2 * sigma * sigma))
		sum += 2 * exact[x]
	}
	for x := range taps {
		taps[x] = float32(exact[x] / sum)
	}
	return taps
}

// GaussianBlur23 is a convolution with 23 taps, first along the columns, then along the
// rows, in float32 on values in [0, 1]. Borders are reflected and the result is
// truncated. sigma is in pixels.
func (m *Image) GaussianBlur23(sigma float64, sc *Scratch) {
	taps := gauss23(sigma)
	n := 3 * m.W * m.H
	if cap(sc.columns) < n {
		sc.columns = make([]float32, n)
	}
	columns := sc.columns[:n]
	stride := 3 * m.W
	for y := range m.H {
		for x := range stride {
			sum := taps[0] * (float32(m.Pix[y*stride+x]) / 255)
			for i := 1; i <= reach; i++ {
				up, down := reflect(y-i, m.H), reflect(y+i, m.H)
				sum += taps[i] * (float32(m.Pix[up*stride+x])/255 + float32(m.Pix[down*stride+x])/255)
			}
			columns[y*stride+x] = sum
		}
	}
	for y := range m.H {
		row := columns[y*stride : (y+1)*stride]
		for x := range m.W {
			for c := range 3 {
				sum := taps[0] * row[3*x+c]
				for i := 1; i <= reach; i++ {
					sum += taps[i] * (row[3*reflect(x-i, m.W)+c] + row[3*reflect(x+i, m.W)+c])
				}
				m.Pix[y*stride+3*x+c] = uint8(min(sum*255, 255))
			}
		}
	}
}

// reflect returns the index within a line of n that corresponds to i if the line is
// mirrored at its ends without repeating them.
func reflect(i, n int) int {
	for n > 1 && (i < 0 || i >= n) {
		if i < 0 {
			i = -i
		} else {
			i = 2*(n-1) - i
		}
	}
	return min(max(i, 0), n-1)
}
