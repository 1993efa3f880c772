package box

import "math"

// Cell returns the anchors of one position of a map, centered at 0: for each size s, the
// square root of the area, and each ratio a of height to width
//
//	w = √(s²/a)    h = a w
//
// in the order sizes, then ratios.
func Cell(sizes, ratios []float64) []Box {
	var cell []Box
	for _, s := range sizes {
		for _, a := range ratios {
			w := math.Sqrt(s * s / a)
			h := a * w
			cell = append(cell, Box{float32(-w / 2), float32(-h / 2), float32(w / 2), float32(h / 2)})
		}
	}
	return cell
}

// Anchors returns the anchors of a map of height x width positions that lie stride pixels
// apart, [height · width · len(cell)], in the order rows, columns, cell. The first position
// is at (offset·stride, offset·stride).
func Anchors(cell []Box, height, width, stride int, offset float64) []Box {
	all := make([]Box, 0, height*width*len(cell))
	first := float32(offset * float64(stride))
	for i := range height {
		y := float32(i*stride) + first
		for j := range width {
			x := float32(j*stride) + first
			for _, c := range cell {
				all = append(all, Box{x + c[0], y + c[1], x + c[2], y + c[3]})
			}
		}
	}
	return all
}

// Level returns which level of a feature pyramid, between low and high, a box takes its
// features from (Lin et al., 2017, equation 1): ⌊4 + log₂(√area / 224)⌋.
func Level(b Box, low, high int) int {
	side := float32(math.Sqrt(float64(Area(b))))
	octaves := float32(math.Log2(float64(float32(side/224) + 1e-8)))
	level := math.Floor(float64(4 + octaves)) // -Inf for an empty box
	return int(min(max(level, float64(low)), float64(high)))
}
