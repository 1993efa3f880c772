package mask

import (
	"fmt"
	"math"
)

// Targets writes the targets of a mask head for regions of an image, boxes (x1, y1, x2, y2), to dst:
// side·side values for each, row by row: 1 inside the shape, 0 elsewhere. Polygons are drawn in a
// box's own coordinates; the box has at least 0.1 pixels a side for this. A mask is decoded once, and
// averaged over each cell as ROIAlign does (aligned, adaptive grid); it is 1 from 0.5.
func (s Shape) Targets(boxes [][4]float32, side int, dst []uint8) error {
	cells := side * side
	if len(dst) != len(boxes)*cells {
		return fmt.Errorf("mask targets: want room for %d values, got %d", len(boxes)*cells, len(dst))
	}
	if s.RLE != nil {
		pixels, err := s.RLE.Decode()
		if err != nil {
			return err
		}
		for i, box := range boxes {
			Align(pixels, s.RLE.Height, s.RLE.Width, box, side, dst[i*cells:(i+1)*cells])
		}
		return nil
	}
	for i, box := range boxes {
		if err := s.draw(box, side, dst[i*cells:(i+1)*cells]); err != nil {
			return err
		}
	}
	return nil
}

// draw draws polygons in the coordinates of a box.
func (s Shape) draw(box [4]float32, side int, dst []uint8) error {
	scaled := Shape{Polygons: make([][]float64, len(s.Polygons))}
	sx := float64(side) / float64(max(box[2]-box[0], 0.1))
	sy := float64(side) / float64(max(box[3]-box[1], 0.1))
	for i, p := range s.Polygons {
		q := make([]float64, len(p))
		for j := range p {
			if j%2 == 0 {
				q[j] = (p[j] - float64(box[0])) * sx
			} else {
				q[j] = (p[j] - float64(box[1])) * sy
			}
		}
		scaled.Polygons[i] = q
	}
	m, err := scaled.Mask(side, side)
	if err != nil {
		return err
	}
	pixels, err := m.Decode()
	copy(dst, pixels)
	return err
}

// Align writes the target of a decoded mask, one byte per pixel, for the region box to dst:
// ROIAlign (He et al., 2017) with aligned corners and as many samples as pixels, then 1 from
// 0.5. All numbers are float32 in torchvision's order, because values near 0.5 are common.
func Align(pixels []uint8, height, width int, box [4]float32, side int, dst []uint8) {
	x0, y0 := box[0]-0.5, box[1]-0.5
	w, h := (box[2]-0.5)-x0, (box[3]-0.5)-y0
	bw, bh := w/float32(side), h/float32(side)
	columns, rows := cells(bw, width), cells(bh, height)
	count := float32(max(columns*rows, 1))
	for p := range side {
		for q := range side {
			var sum float32
			for iy := range rows {
				y := middle(y0, bh, p, iy, rows)
				for ix := range columns {
					sum += bilinear(pixels, height, width, y, middle(x0, bw, q, ix, columns))
				}
			}
			dst[p*side+q] = 0
			if sum/count >= 0.5 {
				dst[p*side+q] = 1
			}
		}
	}
}

// cells returns how many samples a cell has along an axis of n pixels.
func cells(size float32, n int) int {
	c := math.Ceil(float64(size))
	if !(c > 0) {
		return 0
	}
	return int(min(c, float64(n)+2)) // a region far larger than the image needs no more
}

// middle returns where sample i of the n of a cell lies on an axis.
func middle(start, size float32, cell, i, n int) float32 {
	return start + float32(float32(cell)*size) + float32((float32(i)+0.5)*size)/float32(n)
}

// bilinear reads a mask at a point, with zeros outside of it.
func bilinear(pixels []uint8, height, width int, y, x float32) float32 {
	if !(y >= -1 && y <= float32(height) && x >= -1 && x <= float32(width)) {
		return 0
	}
	y0, y1, fy := neighbors(y, height)
	x0, x1, fx := neighbors(x, width)
	gy, gx := 1-fy, 1-fx
	at := func(y, x int) float32 { return float32(pixels[y*width+x]) }
	return float32(float32(gy*gx)*at(y0, x0)) + float32(float32(gy*fx)*at(y0, x1)) +
		float32(float32(fy*gx)*at(y1, x0)) + float32(float32(fy*fx)*at(y1, x1))
}

// neighbors returns the pixels before and after a point of an axis, and how far it is between.
func neighbors(v float32, n int) (low, high int, part float32) {
	v = max(v, 0)
	low = int(v)
	if low >= n-1 {
		return n - 1, n - 1, 0
	}
	return low, low + 1, v - float32(low)
}
