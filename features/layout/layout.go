// Package layout places the images of a probe set in the plane by their features, epoch after
// epoch, so that an image can be followed: principal components, and UMAP (McInnes, Healy and
// Melville, 2018) whose layout of an epoch starts from that of the epoch before, as in AlignedUMAP
// of umap-learn. It has no tensors. Points and rows are float32, row by row.
//
//	PCA, UMAP        a layout of one epoch
//	Align            turns a layout onto another one (Procrustes)
//	Open, Follow     the layouts of all epochs of a probe set, kept beside its features
package layout

import "math"

// Align turns, mirrors and moves points [n, 2] so that they are as close as possible to reference
// (Procrustes analysis in the plane). With scaled, they also get its root mean square distance from
// the center: a least-squares scale would shrink a layout that has little in common with the
// reference. Points that are all at one place, or lists of different lengths, stay as they are.
func Align(points, reference []float32, scaled bool) {
	if len(points) != len(reference) || len(points) == 0 {
		return
	}
	ax, ay := center(points)
	bx, by := center(reference)
	// For complex a and b, Σ conj(a) b fits a rotation, and Σ a b a reflection.
	var re, im, mirrorRe, mirrorIm, norm, target float64
	for i := 0; i < len(points); i += 2 {
		x, y := float64(points[i])-ax, float64(points[i+1])-ay
		u, v := float64(reference[i])-bx, float64(reference[i+1])-by
		re, im = re+x*u+y*v, im+x*v-y*u
		mirrorRe, mirrorIm = mirrorRe+x*u-y*v, mirrorIm+x*v+y*u
		norm, target = norm+x*x+y*y, target+u*u+v*v
	}
	length := math.Hypot(re, im)
	sign := 1.0
	if l := math.Hypot(mirrorRe, mirrorIm); l > length {
		re, im, length, sign = mirrorRe, mirrorIm, l, -1
	}
	if !(norm > 0) || !(length > 0) {
		return
	}
	scale := 1 / length
	if scaled {
		scale *= math.Sqrt(target / norm)
	}
	c, d := re*scale, im*scale
	for i := 0; i < len(points); i += 2 {
		x, y := float64(points[i])-ax, sign*(float64(points[i+1])-ay)
		points[i], points[i+1] = float32(c*x-d*y+bx), float32(d*x+c*y+by)
	}
}

func center(points []float32) (x, y float64) {
	for i := 0; i < len(points); i += 2 {
		x, y = x+float64(points[i]), y+float64(points[i+1])
	}
	n := float64(len(points) / 2)
	return x / n, y / n
}
