package loader

import (
	"contralens/detect"
	"contralens/views"
)

// Single makes a batch of 8-bit colors from one image, resized and padded as New does for a
// test. The image must be upright.
func Single(m *views.Image, short, maxSide, divisor int) *detect.Batch {
	width, height := views.ShortestEdge(m.W, m.H, short, maxSide)
	divisor = max(1, divisor)
	up := func(n int) int { return (n + divisor - 1) / divisor * divisor }
	b := &detect.Batch{Samples: []detect.Sample{{Width: width, Height: height}}, Width: up(width), Height: up(height)}
	var resized views.Image
	views.ResizedCrop(&resized, m, views.Box{W: m.W, H: m.H}, width, height, &views.Scratch{})
	area := b.Width * b.Height
	b.Pixels = make([]uint8, 3*area)
	for c := range 3 {
		plane(b.Pixels[c*area:(c+1)*area], b.Width, &resized, c, func(v uint8) uint8 { return v })
	}
	return b
}
