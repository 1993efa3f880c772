package protocol

import (
	"cmp"
	"slices"

	"contralens/detect"
	"contralens/detect/box"
)

// mistakes are those of a detector in an image.
type mistakes struct {
	index  int // of the image in its set
	total  int // objects that should be found
	missed int // of these
	wrong  int // detections of no object, or of one that was found already
}

// leastOverlap is the overlap from which a detection has found an object.
const leastOverlap = 0.5

// misses returns the images with mistakes, those with the most first. It counts detections with
// a score of at least least. found has the detections of each image, the best first. Difficult
// objects and crowds are neither missed nor wrong to find, however often.
func misses(set *detect.Set, found [][]detect.Detection, least float64) (all []mistakes) {
	for i, image := range set.Images {
		m := mistakes{index: i}
		taken := make([]bool, len(image.Objects))
		for _, d := range found[i] {
			if float64(d.Score) < least {
				continue
			}
			if at := match(d, image.Objects, taken); at >= 0 {
				taken[at] = true
			} else {
				m.wrong++
			}
		}
		for j, o := range image.Objects {
			if wanted(o) {
				if m.total++; !taken[j] {
					m.missed++
				}
			}
		}
		if m.missed+m.wrong > 0 {
			all = append(all, m)
		}
	}
	slices.SortStableFunc(all, func(a, b mistakes) int { return cmp.Compare(b.missed+b.wrong, a.missed+a.wrong) })
	return all
}

// wanted reports whether an object should be found, once.
func wanted(o detect.Object) bool { return !o.Difficult && !o.Crowd }

// match returns the index of the object that a detection has found, or -1: the wanted one that
// is not taken and overlaps most, or else one that is not wanted.
func match(d detect.Detection, objects []detect.Object, taken []bool) int {
	at, best := -1, float32(leastOverlap)
	for j, o := range objects {
		if v := overlap(d, o); o.Class == int(d.Class) && wanted(o) && !taken[j] && v >= best {
			at, best = j, v
		}
	}
	if at >= 0 {
		return at
	}
	return slices.IndexFunc(objects, func(o detect.Object) bool {
		return o.Class == int(d.Class) && !wanted(o) && overlap(d, o) >= leastOverlap
	})
}

// overlap is the intersection over the union, and for a crowd over the detection, as in COCO's
// evaluation.
func overlap(d detect.Detection, o detect.Object) float32 {
	b := box.Box{float32(o.Box[0]), float32(o.Box[1]), float32(o.Box[2]), float32(o.Box[3])}
	if o.Crowd {
		b = box.Box{max(b[0], d.Box[0]), max(b[1], d.Box[1]), min(b[2], d.Box[2]), min(b[3], d.Box[3])}
		if box.Empty(b) {
			return 0
		}
	}
	return box.IoU(d.Box, b)
}
