package record

import (
	"fmt"
	"math"
)

// Sample tells a dataset from another one of the same size, by little of it.
type Sample struct {
	Names  string       `json:"names"`  // a hash of names of images and of their folders
	Images [][3]float64 `json:"images"` // width, height and mean level of images, evenly spread; zeros if unreadable
}

// levels is how far the mean of an image may be off: decoders round otherwise.
const levels = 1.5

// Differs says how a dataset now differs from s, the one that was recorded; empty: it does not, as far as
// the sample goes. A single image may be another one, because the training replaces unreadable ones.
func (s *Sample) Differs(now Sample) string {
	if s == nil {
		return "" // an older record
	}
	if s.Names != now.Names {
		return "its images have other names or another order"
	}
	known, other := 0, 0
	for i, a := range s.Images[:min(len(s.Images), len(now.Images))] {
		b := now.Images[i]
		if a[0] == 0 || b[0] == 0 {
			continue
		}
		known++
		if a[0] != b[0] || a[1] != b[1] || math.Abs(a[2]-b[2]) > levels {
			other++
		}
	}
	if 2*other > known {
		return fmt.Sprintf("%d of %d images that were compared have another size or brightness", other, known)
	}
	return ""
}
