// Package views makes the augmented views that contrastive training compares: a decoded
// image in, a normalized float view out. It knows no files and no tensors.
//
// A [Spec] describes an augmentation; [Preset] has those of the papers. [Spec.Draw] makes
// all random choices of a view from a [Rand], and [Spec.Render] computes the pixels;
// [Spec.View] does both. To decode only what a crop needs, call [Need] in between.
//
// There are two implementations. The plain path runs one operation after the other in Go
// and equals Pillow 9.4 and torchvision 0.14 bit for bit, given the same random numbers.
// The fast path makes a whole view in one call to C and computes the same values.
// docs/views.md has measurements.
package views

import "image"

// Image is a decoded picture, 8-bit RGB interleaved: Pix has 3*W*H values, row
// by row.
type Image struct {
	W, H int
	Pix  []uint8
}

// Resize sets the size and allocates pixels if necessary. Their values are undefined.
func (m *Image) Resize(w, h int) {
	m.W, m.H = w, h
	if n := 3 * w * h; cap(m.Pix) < n {
		m.Pix = make([]uint8, n)
	} else {
		m.Pix = m.Pix[:n]
	}
}

// Copy makes m a copy of from.
func (m *Image) Copy(from *Image) {
	m.Resize(from.W, from.H)
	copy(m.Pix, from.Pix)
}

// Flip mirrors the image left to right.
func (m *Image) Flip() {
	for y := range m.H {
		row := m.Pix[3*y*m.W : 3*(y+1)*m.W]
		for a, b := 0, 3*(m.W-1); a < b; a, b = a+3, b-3 {
			row[a], row[b] = row[b], row[a]
			row[a+1], row[b+1] = row[b+1], row[a+1]
			row[a+2], row[b+2] = row[b+2], row[a+2]
		}
	}
}

// Picture returns a copy of the image for Go's image packages.
func (m *Image) Picture() image.Image {
	out := image.NewNRGBA(image.Rect(0, 0, m.W, m.H))
	for i := range m.W * m.H {
		copy(out.Pix[4*i:], m.Pix[3*i:3*i+3])
		out.Pix[4*i+3] = 255
	}
	return out
}
