package mask

import (
	"fmt"
	"math"
	"slices"
)

// fine is the number of steps per pixel in which an outline is walked.
const fine = 5

// longest is the largest length of an outline in steps. A real one is shorter by far, but a
// damaged coordinate may ask for years of walking.
const longest = 1 << 27

// FromPolygon returns the mask of a polygon x0, y0, x1, y1, … in pixels, as COCO draws it. A
// pixel's column is inside between crossings of its outline with the column's middle, so this
// is no area rule; parts outside of the mask are cut off. Fewer than three points, numbers
// that are not finite, and outlines far longer than the mask are errors.
func FromPolygon(polygon []float64, height, width int) (*RLE, error) {
	if err := checkSize(height, width); err != nil {
		return nil, err
	}
	if err := CheckPolygon(polygon); err != nil {
		return nil, err
	}
	points, err := onGrid(polygon)
	if err != nil {
		return nil, err
	}
	var ends []int // where columns enter or leave the polygon
	var last [2]int
	for i, from := range points {
		to := points[(i+1)%len(points)]
		walkEdge(from, to, func(first bool, u, v int) {
			if i == 0 && first {
				last = [2]int{u, v}
			}
			if u != last[0] {
				if at, ok := crossing(last, [2]int{u, v}, height, width); ok {
					ends = append(ends, at)
				}
			}
			last = [2]int{u, v}
		})
	}
	ends = append(ends, height*width)
	slices.Sort(ends)
	return &RLE{Height: height, Width: width, Counts: runs(ends)}, nil
}

// CheckPolygon returns an error unless there are pairs of finite numbers for at least three
// points.
func CheckPolygon(polygon []float64) error {
	if len(polygon)%2 != 0 || len(polygon) < 6 {
		return fmt.Errorf("polygon: want x and y of at least 3 points, got %d numbers", len(polygon))
	}
	for i, v := range polygon {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("polygon: want finite numbers, got %v as number %d", v, i+1)
		}
	}
	return nil
}

// onGrid rounds the points of a polygon to steps.
func onGrid(polygon []float64) ([][2]int, error) {
	points := make([][2]int, len(polygon)/2)
	for i := range points {
		for k := range 2 {
			v := polygon[2*i+k]
			if math.Abs(v) > longest/fine {
				return nil, fmt.Errorf("polygon: want numbers within ±%d, got %v", longest/fine, v)
			}
			points[i][k] = int(float64(fine*v) + 0.5) // toward zero
		}
	}
	total := 0
	for i, p := range points {
		q := points[(i+1)%len(points)]
		total += max(distance(p[0], q[0]), distance(p[1], q[1])) + 1
		if total > longest {
			return nil, fmt.Errorf("polygon: want an outline of at most %d pixels", longest/fine)
		}
	}
	return points, nil
}

func distance(a, b int) int { return max(a-b, b-a) }

// walkEdge calls f for the steps from one point to another, ends included. It steps along the
// longer axis; the other coordinate is computed from the smaller end in either direction.
func walkEdge(from, to [2]int, f func(first bool, u, v int)) {
	dx, dy := distance(from[0], to[0]), distance(from[1], to[1])
	along, n := 0, dx
	if dx < dy {
		along, n = 1, dy
	}
	a, b := from, to
	backward := from[along] > to[along]
	if backward {
		a, b = to, from
	}
	slope := 0.0
	if n > 0 {
		slope = float64(b[1-along]-a[1-along]) / float64(n)
	}
	for d := range n + 1 {
		t := d
		if backward {
			t = n - d
		}
		// The conversion rounds the product, which prevents fused multiply-add.
		other := int(float64(a[1-along]) + float64(slope*float64(t)) + 0.5)
		if along == 0 {
			f(d == 0, a[0]+t, other)
		} else {
			f(d == 0, other, a[1]+t)
		}
	}
}

// crossing returns the position in the mask, column by column, at which the step from a to b
// crosses the middle of a column. ok is false if it crosses none.
func crossing(a, b [2]int, height, width int) (at int, ok bool) {
	u := b[0] - 1
	if b[0] < a[0] {
		u = b[0]
	}
	x := (float64(u)+0.5)/fine - 0.5
	if math.Floor(x) != x || x < 0 || x > float64(width-1) {
		return 0, false
	}
	y := (float64(min(a[1], b[1]))+0.5)/fine - 0.5
	y = math.Ceil(min(max(y, 0), float64(height)))
	return int(x)*height + int(y), true
}

// runs turns sorted positions into run lengths. Between equal positions there is no run.
func runs(ends []int) []uint32 {
	counts := []uint32{uint32(ends[0])}
	for i := 1; i < len(ends); i++ {
		if n := ends[i] - ends[i-1]; n > 0 {
			counts = append(counts, uint32(n))
			continue
		}
		if i++; i < len(ends) {
			counts[len(counts)-1] += uint32(ends[i] - ends[i-1])
		}
	}
	return counts
}

// FromBox returns the mask of a box (x, y, width, height), which is that of its corners.
func FromBox(box [4]float64, height, width int) (*RLE, error) {
	x0, y0, x1, y1 := box[0], box[1], box[0]+box[2], box[1]+box[3]
	return FromPolygon([]float64{x0, y0, x0, y1, x1, y1, x1, y0}, height, width)
}

// Mask returns the mask of a shape in an image. An empty shape has an empty mask.
func (s Shape) Mask(height, width int) (*RLE, error) {
	if s.RLE != nil {
		if s.RLE.Height != height || s.RLE.Width != width {
			return nil, fmt.Errorf("mask: want the image's %d x %d pixels, got %d x %d",
				width, height, s.RLE.Width, s.RLE.Height)
		}
		return s.RLE, s.RLE.Check()
	}
	if len(s.Polygons) == 0 {
		return &RLE{Height: height, Width: width, Counts: []uint32{uint32(height * width)}}, checkSize(height, width)
	}
	masks := make([]*RLE, len(s.Polygons))
	for i, p := range s.Polygons {
		m, err := FromPolygon(p, height, width)
		if err != nil {
			return nil, err
		}
		masks[i] = m
	}
	return Merge(masks, false)
}
