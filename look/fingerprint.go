package look

import (
	"math"
	"math/bits"

	"contralens/views"
)

// A fingerprint describes what an image looks like in half a kilobyte, whatever its size and file
// format. It finds resized, recompressed and slightly cropped copies.
type fingerprint struct {
	hash      uint64                 // perceptual hash: which low frequencies are above the median
	small     [3 * side * side]uint8 // the image at side x side pixels, RGB
	sums      [3]int64               // of small, by channel
	deviation float64                // of small: the square root of n·Σ(v-mean)², n = side²
	blank     bool                   // it has next to no contrast, so the hash says nothing
	grayed    bool                   // it has next to no color
}

const (
	side = 12       // of fingerprint.small
	grid = 2 * side // side of the picture that the hash is made of
	low  = 8        // frequencies per direction in the hash

	blankDeviation = 3 // gray levels; below this standard deviation an image is blank
	grayChroma     = 6 // gray levels; up to this difference of two channels an image is gray
)

// Two images are near-duplicates if their hashes differ in at most nearBits of 64 bits and
// their small pictures correlate at least as nearCorrelation, or more where most images are
// alike anyway; see likeness. docs/decisions.md has the measurement behind both numbers.
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
	f.measure()
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
func near(a, b *fingerprint, least float64) (correlation float64, ok bool) {
	if a.blank || b.blank || bits.OnesCount64(a.hash^b.hash) > nearBits {
		return 0, false
	}
	correlation = correlate(a, b)
	return correlation, correlation >= least
}

// measure prepares correlate.
func (f *fingerprint) measure() {
	f.sums, f.deviation = [3]int64{}, 0
	squares := int64(0)
	for i, v := range f.small {
		f.sums[i%3] += int64(v)
		squares += int64(v) * int64(v)
	}
	squares *= side * side
	for _, s := range f.sums {
		squares -= s * s
	}
	f.deviation = math.Sqrt(float64(squares))
}

// correlate returns the correlation of two small pictures: that of all pixels and channels
// after each channel's mean is subtracted. Otherwise any two objects before a blue sky would
// be alike.
func correlate(a, b *fingerprint) float64 {
	product := 0
	for i, v := range a.small {
		product += int(v) * int(b.small[i])
	}
	total := int64(product) * side * side
	for c, s := range a.sums {
		total -= s * b.sums[c]
	}
	if a.deviation == 0 || b.deviation == 0 {
		return 0
	}
	return float64(total) / (a.deviation * b.deviation)
}
