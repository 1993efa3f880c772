package look

import (
	"math"
	"math/bits"

	"contralens/views"
)

// A fingerprint describes what an image looks like in 440 bytes, whatever its size and file
// format. It finds resized, recompressed and slightly cropped copies.
type fingerprint struct {
	hash   uint64                 // perceptual hash: which low frequencies are above the median
	small  [3 * side * side]uint8 // the image at side x side pixels, RGB
	blank  bool                   // it has next to no contrast, so the hash says nothing
	grayed bool                   // it has next to no color
}

const (
	side = 12       // of fingerprint.small
	grid = 2 * side // side of the picture that the hash is made of
	low  = 8        // frequencies per direction in the hash

	blankDeviation = 3 // gray levels; below this standard deviation an image is blank
	grayChroma     = 6 // gray levels; up to this difference of two channels an image is gray
)

// Two images are near-duplicates if their hashes differ in at most nearBits of 64 bits and
// their small pictures correlate at least as nearCorrelation. docs/decisions.md has the
// measurement behind both numbers.
const (
	nearBits        = 16
	nearCorrelation = 0.94
)

// cosines[u][x] is the basis of the discrete cosine transform.
var cosines = func() (c [low + 1][grid]float64) {
	for u := range c {
		for x := range grid {
			c[u][x] = math.Cos(math.Pi * float64(u) * (float64(x) + 0.5) / grid)
		}
	}
	return c
}()

// room holds the buffers that one goroutine reuses from image to image.
type room struct {
	image   views.Image
	file    []byte
	small   views.Image
	scratch views.Scratch
}

// fingerprintOf makes the fingerprint of an image. The hash is the one known as pHash: the
// signs, about their median, of the 64 lowest frequencies of the gray image, without those
// that are constant in a direction.
func fingerprintOf(m *views.Image, r *room) *fingerprint {
	f := &fingerprint{}
	views.ResizedCrop(&r.small, m, views.Box{W: m.W, H: m.H}, grid, grid, &r.scratch)
	var gray [grid][grid]float64
	sum, squares := 0.0, 0.0
	f.grayed = true
	for i := range grid * grid {
		p := r.small.Pix[3*i : 3*i+3]
		v := 0.299*float64(p[0]) + 0.587*float64(p[1]) + 0.114*float64(p[2])
		gray[i/grid][i%grid] = v
		sum, squares = sum+v, squares+v*v
		if max(p[0], p[1], p[2])-min(p[0], p[1], p[2]) > grayChroma {
			f.grayed = false
		}
	}
	mean := sum / (grid * grid)
	f.blank = squares/(grid*grid)-mean*mean < blankDeviation*blankDeviation
	f.hash = perceptual(&gray)
	for y := range side {
		for x := range side {
			for c := range 3 {
				at := func(dy, dx int) int { return int(r.small.Pix[3*((2*y+dy)*grid+2*x+dx)+c]) }
				f.small[3*(y*side+x)+c] = uint8((at(0, 0) + at(0, 1) + at(1, 0) + at(1, 1) + 2) / 4)
			}
		}
	}
	return f
}

// perceptual returns the hash of a gray picture.
func perceptual(gray *[grid][grid]float64) (hash uint64) {
	var rows [grid][low]float64
	for y := range grid {
		for u := range low {
			for x := range grid {
				rows[y][u] += gray[y][x] * cosines[u+1][x]
			}
		}
	}
	var values [low * low]float64
	for v := range low {
		for u := range low {
			for y := range grid {
				values[v*low+u] += rows[y][u] * cosines[v+1][y]
			}
		}
	}
	middle := median(values[:])
	for i, v := range values {
		if v > middle {
			hash |= 1 << i
		}
	}
	return hash
}

// near reports whether two images look alike, and their correlation.
func near(a, b *fingerprint) (correlation float64, ok bool) {
	if a.blank || b.blank || bits.OnesCount64(a.hash^b.hash) > nearBits {
		return 0, false
	}
	correlation = correlate(a.small[:], b.small[:])
	return correlation, correlation >= nearCorrelation
}

// correlate returns the correlation of two small pictures: that of all pixels and channels
// after each channel's mean is subtracted. Otherwise any two objects before a blue sky would
// be alike.
func correlate(a, b []uint8) float64 {
	n := int64(len(a) / 3)
	product, squaresA, squaresB := int64(0), int64(0), int64(0)
	for c := range 3 {
		var sa, sb, aa, bb, ab int64
		for i := c; i < len(a); i += 3 {
			x, y := int64(a[i]), int64(b[i])
			sa, sb, aa, bb, ab = sa+x, sb+y, aa+x*x, bb+y*y, ab+x*y
		}
		product += n*ab - sa*sb
		squaresA += n*aa - sa*sa
		squaresB += n*bb - sb*sb
	}
	if squaresA == 0 || squaresB == 0 {
		return 0
	}
	return float64(product) / math.Sqrt(float64(squaresA)*float64(squaresB))
}
