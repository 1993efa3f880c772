package protocol

import (
	"cmp"
	"slices"

	"contralens/detect"
	"contralens/detect/box"
)

// missed is an image in which a detector went wrong.
type missed struct {
	index   int // of the image in its set
	objects int // that were not found, of so many
	of      int
	wrong   int // detections that are no object, or one that was found already
}

// overlap is the IoU from which a detection has found an object.
const overlap = 0.5

// misses lists the images in which most objects were missed or invented, the worst first. It
// counts detections with a score of at least least. Difficult objects and crowds are neither
// wanted nor punished.
func misses(set *detect.Set, found [][]detect.Detection, least float64) (all []missed) {
	for i, image := range set.Images {
		m := missed{index: i}
		taken := make([]bool, len(image.Objects))
		for _, d := range found[i] { // best first
			if float64(d.Score) < least {
				continue
			}
			at, best := -1, float32(overlap)
			for j, o := range image.Objects {
				if o.Class != int(d.Class) {
					continue
				}
				b := box.Box{float32(o.Box[0]), float32(o.Box[1]), float32(o.Box[2]), float32(o.Box[3])}
				if iou := box.IoU(d.Box, b); !taken[j] && iou >= best {
					at, best = j, iou
				}
			}
			if at < 0 {
				m.wrong++
			} else {
				taken[at] = true
			}
		}
		for j, o := range image.Objects {
			if !o.Difficult && !o.Crowd {
				if m.of++; !taken[j] {
					m.objects++
				}
			}
		}
		if m.objects+m.wrong > 0 {
			all = append(all, m)
		}
	}
	slices.SortStableFunc(all, func(a, b missed) int { return cmp.Compare(b.objects+b.wrong, a.objects+a.wrong) })
	return all
}
