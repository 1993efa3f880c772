package mask

import (
	"errors"
	"fmt"
	"math"
)

// most is the largest number of pixels of a mask: counts stay far from their limits, and a
// damaged size cannot ask for all memory.
const most = 1 << 30

// checkSize refuses sizes that no mask has.
func checkSize(height, width int) error {
	if height < 1 || width < 1 || width > most/height {
		return fmt.Errorf("mask of %d x %d pixels: want sides of at least 1 and at most %d pixels", width, height, most)
	}
	return nil
}

// Check returns an error unless the runs of r fill its size exactly. RLEs from this package
// pass; those from files may not.
func (r *RLE) Check() error {
	if err := checkSize(r.Height, r.Width); err != nil {
		return err
	}
	var sum uint64
	for _, c := range r.Counts {
		sum += uint64(c)
	}
	if want := uint64(r.Height) * uint64(r.Width); sum != want {
		return fmt.Errorf("mask of %d x %d pixels: want runs of %d pixels in all, got %d", r.Width, r.Height, want, sum)
	}
	return nil
}

// Encode codes a mask of one byte per pixel, row by row; every value but 0 is in the mask.
// It panics if there are not height·width of them.
func Encode(pixels []uint8, height, width int) *RLE {
	if len(pixels) != height*width {
		panic(fmt.Sprintf("mask: want %d x %d pixels, got %d", width, height, len(pixels)))
	}
	r := &RLE{Height: height, Width: width}
	var run uint32
	inside := false
	for x := range width {
		for y := range height {
			if (pixels[y*width+x] != 0) != inside {
				r.Counts, run, inside = append(r.Counts, run), 0, !inside
			}
			run++
		}
	}
	r.Counts = append(r.Counts, run)
	return r
}

// Decode returns the mask with one byte per pixel, 0 or 1, row by row.
func (r *RLE) Decode() ([]uint8, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	pixels := make([]uint8, r.Height*r.Width)
	at := 0
	for i, c := range r.Counts {
		if i%2 == 0 {
			at += int(c)
			continue
		}
		for range c {
			pixels[at%r.Height*r.Width+at/r.Height] = 1
			at++
		}
	}
	return pixels, nil
}

// Area returns the number of pixels in the mask.
func (r *RLE) Area() int {
	var sum int
	for i := 1; i < len(r.Counts); i += 2 {
		sum += int(r.Counts[i])
	}
	return sum
}

// Box returns the smallest box around the mask as COCO writes it: x, y, width, height. It is
// zero for an empty mask.
func (r *RLE) Box() [4]float64 {
	if r.Height < 1 {
		return [4]float64{}
	}
	h := r.Height
	x0, y0, x1, y1 := math.MaxInt, h, -1, -1
	at := 0
	for i, c := range r.Counts {
		n := int(c)
		if i%2 == 1 && n > 0 {
			first, last := at/h, (at+n-1)/h
			x0, x1 = min(x0, first), max(x1, last)
			if first < last { // through the end of a column
				y0, y1 = 0, h-1
			} else {
				y0, y1 = min(y0, at%h), max(y1, (at+n-1)%h)
			}
		}
		at += n
	}
	if x1 < 0 {
		return [4]float64{}
	}
	return [4]float64{float64(x0), float64(y0), float64(x1 - x0 + 1), float64(y1 - y0 + 1)}
}

// walk calls f for every stretch of pixels in which neither mask changes.
func walk(a, b *RLE, f func(n int, inA, inB bool)) {
	var left [2]int
	var in [2]bool
	var at [2]int
	masks := [2]*RLE{a, b}
	for i, m := range masks {
		if len(m.Counts) > 0 {
			left[i], at[i] = int(m.Counts[0]), 1
		}
	}
	for {
		for i, m := range masks {
			for left[i] == 0 {
				if at[i] >= len(m.Counts) {
					return
				}
				left[i], in[i] = int(m.Counts[at[i]]), !in[i]
				at[i]++
			}
		}
		n := min(left[0], left[1])
		f(n, in[0], in[1])
		left[0] -= n
		left[1] -= n
	}
}

// Merge returns the union of masks, or their intersection. Without masks it is an error, and
// so are masks of different sizes.
func Merge(masks []*RLE, intersect bool) (*RLE, error) {
	if len(masks) == 0 {
		return nil, errors.New("merge masks: want at least one")
	}
	r := masks[0]
	for _, m := range masks[1:] {
		if m.Height != r.Height || m.Width != r.Width {
			return nil, fmt.Errorf("merge masks: want one size, got %d x %d and %d x %d", r.Width, r.Height, m.Width, m.Height)
		}
		merged := &RLE{Height: r.Height, Width: r.Width}
		var run uint32
		inside := false
		walk(r, m, func(n int, a, b bool) {
			in := a || b
			if intersect {
				in = a && b
			}
			if in != inside {
				merged.Counts, run, inside = append(merged.Counts, run), 0, in
			}
			run += uint32(n)
		})
		merged.Counts = append(merged.Counts, run)
		r = merged
	}
	return r, nil
}

// IoU returns the intersection over union of two masks. For a crowd as truth it is the
// intersection over the area of the detection. Masks of different sizes have -1, as in COCO.
func IoU(detection, truth *RLE, crowd bool) float64 {
	if detection.Height != truth.Height || detection.Width != truth.Width {
		return -1
	}
	return overlap(detection, truth, crowd)
}

func overlap(detection, truth *RLE, crowd bool) float64 {
	var both, either int
	walk(detection, truth, func(n int, a, b bool) {
		if a && b {
			both += n
		}
		if a || b {
			either += n
		}
	})
	switch {
	case both == 0:
		return 0
	case crowd:
		return float64(both) / float64(detection.Area())
	}
	return float64(both) / float64(either)
}

// IoUs returns the IoU of each detection with each truth, [detections][truths]. Masks whose
// boxes do not meet are not compared. crowd may be nil.
func IoUs(detections, truths []*RLE, crowd []bool) [][]float64 {
	boxes := make([][4]float64, len(truths))
	for i, t := range truths {
		boxes[i] = t.Box()
	}
	all := make([][]float64, len(detections))
	for i, d := range detections {
		all[i] = make([]float64, len(truths))
		box := d.Box()
		for j, t := range truths {
			if meet(box, boxes[j]) || d.Height != t.Height || d.Width != t.Width {
				all[i][j] = IoU(d, t, crowd != nil && crowd[j])
			}
		}
	}
	return all
}

// meet reports whether two boxes (x, y, width, height) overlap.
func meet(a, b [4]float64) bool {
	return min(a[0]+a[2], b[0]+b[2]) > max(a[0], b[0]) && min(a[1]+a[3], b[1]+b[3]) > max(a[1], b[1])
}
