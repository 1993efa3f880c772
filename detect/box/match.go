package box

import "slices"

// Matcher assigns an object to each candidate by their intersection over union, and labels
// the candidate.
type Matcher struct {
	Thresholds []float32 // rising
	Labels     []int8    // one more than Thresholds: Labels[i] is for IoUs in [Thresholds[i-1], Thresholds[i])
	// LowQuality also gives label 1 to each candidate whose IoU with an object is the
	// largest that this object has, so that every object has one. Its match stays.
	LowQuality bool
}

// Labels of candidates.
const (
	Background int8 = 0
	Foreground int8 = 1
	Ignored    int8 = -1
)

// Matchers of Detectron2.
var (
	AnchorMatcher = Matcher{
		Thresholds: []float32{0.3, 0.7}, Labels: []int8{Background, Ignored, Foreground}, LowQuality: true,
	}
	ProposalMatcher = Matcher{Thresholds: []float32{0.5}, Labels: []int8{Background, Foreground}}
)

// Match returns for each candidate the object with the largest IoU, the first of equal
// ones, and its label. Without objects, matches are 0 and labels Labels[0]. Without candidates there is
// nothing to match.
func (m Matcher) Match(objects, candidates []Box) (matches []int32, labels []int8) {
	areas := make([]float32, len(candidates))
	for i, c := range candidates {
		areas[i] = Area(c)
	}
	row := make([]float32, len(candidates))
	return m.MatchIoU(len(objects), len(candidates), func(object int) []float32 {
		o, area := objects[object], Area(objects[object])
		for i := range candidates {
			row[i] = iou(&o, &candidates[i], area, areas[i])
		}
		return row
	})
}

// MatchIoU is Match for given IoUs: row returns those of an object with all candidates. It
// is called twice for each object if LowQuality is set, which needs less memory than a
// matrix.
func (m Matcher) MatchIoU(objects, candidates int, row func(object int) []float32) (matches []int32, labels []int8) {
	matches, labels = make([]int32, candidates), make([]int8, candidates)
	if objects == 0 || candidates == 0 {
		for i := range labels {
			labels[i] = m.Labels[0]
		}
		return matches, labels
	}
	best := make([]float32, candidates)
	tops := make([]float32, objects)
	for o := range objects {
		ious := row(o)
		if o == 0 {
			copy(best, ious)
		}
		for i, v := range ious {
			if v > best[i] {
				best[i], matches[i] = v, int32(o)
			}
		}
		tops[o] = slices.Max(ious)
	}
	for i, v := range best {
		labels[i] = m.label(v)
	}
	for o := 0; m.LowQuality && o < objects; o++ {
		for i, v := range row(o) {
			if v == tops[o] {
				labels[i] = Foreground
			}
		}
	}
	return matches, labels
}

func (m Matcher) label(iou float32) int8 {
	for i, t := range m.Thresholds {
		if iou < t {
			return m.Labels[i]
		}
	}
	return m.Labels[len(m.Thresholds)]
}
