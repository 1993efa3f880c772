// Package box computes with boxes in plain Go: intersection over union, anchors, the box
// coder, matching and sampling, non-maximum suppression and RoIAlign's weights. These are
// the operators of Faster R-CNN (Ren et al., 2015) and Mask R-CNN (He et al., 2017), with
// the rules and the float32 arithmetic of Detectron2.
//
// Coordinates are continuous: pixel (i, j) covers [j, j+1] x [i, i+1], so an image of W x H
// pixels is the box (0, 0, W, H).
package box

import "math"

// Box is (x1, y1, x2, y2) in pixels.
type Box = [4]float32

// Area is the area of b.
func Area(b Box) float32 { return float32((b[2] - b[0]) * (b[3] - b[1])) }

// IoU is the intersection over union of two boxes, 0 if they do not overlap.
func IoU(a, b Box) float32 {
	return iou(&a, &b, Area(a), Area(b))
}

// iou is IoU for boxes with known areas. The conversions keep a processor from fusing two
// roundings into one.
func iou(a, b *Box, areaA, areaB float32) float32 {
	if a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1] {
		return 0
	}
	w := min(a[2], b[2]) - max(a[0], b[0])
	h := min(a[3], b[3]) - max(a[1], b[1])
	intersection := float32(w * h)
	if !(w > 0 && h > 0 && intersection > 0) {
		return 0
	}
	return intersection / (float32(areaA+areaB) - intersection)
}

// Clip moves the corners of b into an image of width x height pixels.
func Clip(b Box, width, height float32) Box {
	return Box{clamp(b[0], width), clamp(b[1], height), clamp(b[2], width), clamp(b[3], height)}
}

func clamp(v, high float32) float32 { return min(max(v, 0), high) }

// Empty reports whether a side of b has no length.
func Empty(b Box) bool { return !(b[2]-b[0] > 0 && b[3]-b[1] > 0) }

// Finite reports whether no coordinate of b is NaN or infinite.
func Finite(b Box) bool {
	for _, v := range b {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return false
		}
	}
	return true
}
