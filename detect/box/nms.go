package box

import (
	"cmp"
	"slices"
)

// NMS is greedy non-maximum suppression: it goes through the boxes by falling score, the
// first of equal ones first, and keeps a box unless its IoU with a box that was kept is above
// threshold. groups separates boxes that do not suppress one another, such as classes or
// levels; nil is one group. It stops when limit boxes are kept (0: never), and returns their
// indices by falling score.
//
// The IoU is computed in float32 and compared in float64, as in torchvision: an IoU of 1/3 is
// above a threshold of 1/3.
func NMS(boxes []Box, scores []float32, groups []int32, threshold float64, limit int) []int {
	order := make([]int, len(boxes))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	if limit <= 0 || limit > len(boxes) {
		limit = len(boxes)
	}
	keep := make([]int, 0, limit)
	kept := map[int32]*survivors{}
	for _, i := range order {
		if len(keep) == limit {
			break
		}
		var group int32
		if groups != nil {
			group = groups[i]
		}
		s := kept[group]
		if s == nil {
			s = &survivors{}
			kept[group] = s
		}
		if s.add(boxes[i], threshold) {
			keep = append(keep, i)
		}
	}
	return keep
}

// survivors are the boxes of a group that were kept, and their areas.
type survivors struct {
	boxes []Box
	areas []float32
}

// add keeps b unless a box suppresses it, and reports whether it did.
func (s *survivors) add(b Box, threshold float64) bool {
	area := Area(b)
	for i := range s.boxes {
		if float64(iou(&b, &s.boxes[i], area, s.areas[i])) > threshold {
			return false
		}
	}
	s.boxes, s.areas = append(s.boxes, b), append(s.areas, area)
	return true
}
