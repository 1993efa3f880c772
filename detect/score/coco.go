package score

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"contralens/detect"
	"contralens/detect/mask"
)

// Kind says what is compared: boxes or masks.
type Kind int

// What COCO compares.
const (
	Boxes Kind = iota
	Masks
)

// COCO judges detections by COCO's rules (Lin et al., 2014), found[i] those of set.Images[i].
func COCO(ctx context.Context, set *detect.Set, found [][]detect.Detection, kind Kind) (*Result, error) {
	if err := check(set, found); err != nil {
		return nil, err
	}
	return Judge(ctx, set, Entries(set, found), kind)
}

// Judge judges the entries of a file of results by COCO's rules.
func Judge(ctx context.Context, set *detect.Set, entries []Entry, kind Kind) (*Result, error) {
	c, err := newCOCO(ctx, set, entries, kind)
	if err != nil {
		return nil, err
	}
	return c.result(set), nil
}

// Sizes of objects, by area in square pixels, both ends included.
var areas = [4][2]float64{{0, 1e10}, {0, 32 * 32}, {32 * 32, 96 * 96}, {96 * 96, 1e10}}

// most are the numbers of detections per image and class that count, for recall.
var most = [3]int{1, 10, 100}

const recalls = 101 // recalls at which precision is read: 0, 0.01 … 1

// coco has the numbers of COCO's evaluator, NaN where there is nothing to measure.
type coco struct {
	classes   int
	objects   []int
	precision []float64 // [thresholds, recalls, classes, areas], for the largest of most
	recall    []float64 // [thresholds, classes, areas, most]
}

// judged are the detections of one class in an image, best first, at one range of areas.
type judged struct {
	scores  []float64
	matched [10][]bool // at each threshold: it found an object
	ignored [10][]bool // at each threshold: it counts neither way
	wanted  int        // objects that should be found
}

func newCOCO(ctx context.Context, set *detect.Set, entries []Entry, kind Kind) (*coco, error) {
	c := &coco{classes: len(set.Classes), objects: make([]int, len(set.Classes))}
	byImage := map[string][]*Entry{}
	for i := range entries {
		e := &entries[i]
		if e.Class < 0 || e.Class >= c.classes {
			return nil, fmt.Errorf("detection %d: want a class from 0 to %d, got %d", i+1, c.classes-1, e.Class)
		}
		if kind == Masks && e.Mask == nil {
			return nil, fmt.Errorf("detection %d of image %s: want a mask, found none", i+1, e.Image)
		}
		byImage[e.Image] = append(byImage[e.Image], e)
	}
	// [class][image], a list for the areas, nil where there are neither objects nor detections.
	all := make([][]*[4]judged, c.classes)
	for class := range all {
		all[class] = make([]*[4]judged, len(set.Images))
	}
	err := parallel(ctx, len(set.Images), func(i int) error {
		m := &set.Images[i]
		truths, err := cocoTruths(m, kind)
		if err != nil {
			return err
		}
		for class := range c.classes {
			p := newPair(truths, byImage[m.ID], class, kind)
			if len(p.truths) == 0 && len(p.found) == 0 {
				continue
			}
			var j [4]judged
			for a, area := range areas {
				j[a] = p.judge(area)
			}
			all[class][i] = &j
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	c.precision = nans(len(thresholds) * recalls * c.classes * len(areas))
	c.recall = nans(len(thresholds) * c.classes * len(areas) * len(most))
	return c, parallel(ctx, c.classes, func(class int) error {
		for a := range areas {
			var list []*judged
			for _, j := range all[class] {
				if j != nil {
					list = append(list, &j[a])
				}
			}
			c.accumulate(list, class, a)
		}
		return nil
	})
}

func nans(n int) []float64 { return slices.Repeat([]float64{math.NaN()}, n) }

// truth is an object as COCO sees it.
type truth struct {
	class int
	box   [4]float64 // x, y, width, height
	mask  *mask.RLE
	area  float64
	crowd bool
}

func cocoTruths(m *detect.Image, kind Kind) ([]truth, error) {
	list := make([]truth, len(m.Objects))
	for i, o := range m.Objects {
		t := truth{class: o.Class, area: o.Area, crowd: o.Crowd}
		t.box = [4]float64{o.Box[0], o.Box[1], o.Box[2] - o.Box[0], o.Box[3] - o.Box[1]}
		if kind == Masks {
			if o.Shape.Empty() {
				return nil, fmt.Errorf("image %s, object %d: want a segmentation to judge masks, found none", m.ID, i+1)
			}
			r, err := o.Shape.Mask(m.Height, m.Width)
			if err != nil {
				return nil, fmt.Errorf("image %s, object %d: %w", m.ID, i+1, err)
			}
			t.mask = r
		}
		list[i] = t
	}
	return list, nil
}

// pair are the objects and detections of one class in an image.
type pair struct {
	truths []truth
	found  []*Entry // best first, no more than count
	areas  []float64
	ious   [][]float64 // [found][truths]
}

func newPair(truths []truth, entries []*Entry, class int, kind Kind) *pair {
	p := &pair{}
	for _, t := range truths {
		if t.class == class {
			p.truths = append(p.truths, t)
		}
	}
	for _, e := range entries {
		if e.Class == class {
			p.found = append(p.found, e)
		}
	}
	slices.SortStableFunc(p.found, func(a, b *Entry) int { return cmp.Compare(b.Score, a.Score) })
	p.found = p.found[:min(len(p.found), most[len(most)-1])]
	crowd := make([]bool, len(p.truths))
	var a, b []*mask.RLE
	for j, t := range p.truths {
		crowd[j], b = t.crowd, append(b, t.mask)
	}
	for _, e := range p.found {
		if kind == Masks {
			a = append(a, e.Mask)
			p.areas = append(p.areas, float64(e.Mask.Area()))
			continue
		}
		p.areas = append(p.areas, e.Box[2]*e.Box[3])
		row := make([]float64, len(p.truths))
		for j, t := range p.truths {
			row[j] = boxIoU(e.Box, t.box, t.crowd)
		}
		p.ious = append(p.ious, row)
	}
	if kind == Masks {
		p.ious = mask.IoUs(a, b, crowd)
	}
	return p
}

// boxIoU is the intersection over union of boxes (x, y, width, height); for a crowd it is the
// intersection over the detection's area.
func boxIoU(a, b [4]float64, crowd bool) float64 {
	w := min(a[2]+a[0], b[2]+b[0]) - max(a[0], b[0])
	h := min(a[3]+a[1], b[3]+b[1]) - max(a[1], b[1])
	if w <= 0 || h <= 0 {
		return 0
	}
	both, areaA, areaB := float64(w*h), float64(a[2]*a[3]), float64(b[2]*b[3])
	if crowd {
		return both / areaA
	}
	return both / (areaA + areaB - both)
}

// judge matches detections with objects of a range of areas. Crowds and objects of other sizes
// are ignored, and so is what finds them. The best detection chooses first, among the objects
// that are not taken; a crowd can be found often.
func (p *pair) judge(area [2]float64) judged {
	var j judged
	outside := func(v float64) bool { return v < area[0] || v > area[1] }
	ignored := func(t *truth) bool { return t.crowd || outside(t.area) }
	order := make([]int, 0, len(p.truths)) // wanted ones first
	for _, ignore := range []bool{false, true} {
		for i := range p.truths {
			if ignored(&p.truths[i]) == ignore {
				order = append(order, i)
			}
		}
		if !ignore {
			j.wanted = len(order)
		}
	}
	for _, e := range p.found {
		j.scores = append(j.scores, e.Score)
	}
	for t, threshold := range thresholds {
		taken := make([]bool, len(p.truths))
		j.matched[t], j.ignored[t] = make([]bool, len(p.found)), make([]bool, len(p.found))
		for d := range p.found {
			best := p.match(d, order, j.wanted, taken, min(threshold, 1-1e-10))
			if best < 0 {
				j.ignored[t][d] = outside(p.areas[d])
				continue
			}
			taken[best], j.matched[t][d] = true, true
			j.ignored[t][d] = ignored(&p.truths[best])
		}
	}
	return j
}

// match returns the object that a detection overlaps most, and at least by the given IoU, or
// -1. The first wanted objects of order come before the others: those are looked at only if
// none of the wanted ones fits. Of equal ones the later counts.
func (p *pair) match(d int, order []int, wanted int, taken []bool, iou float64) int {
	best := -1
	for n, i := range order {
		if n == wanted && best >= 0 {
			break
		}
		if taken[i] && !p.truths[i].crowd || p.ious[d][i] < iou {
			continue
		}
		best, iou = i, p.ious[d][i]
	}
	return best
}

// accumulate joins the images of one class and range of areas.
func (c *coco) accumulate(images []*judged, class, area int) {
	wanted := 0
	for _, j := range images {
		wanted += j.wanted
	}
	if wanted == 0 {
		return
	}
	if area == 0 {
		c.objects[class] = wanted
	}
	type ranked struct {
		score     float64
		image, at int
	}
	for m, count := range most {
		var order []ranked
		for i, j := range images {
			for at := range min(count, len(j.scores)) {
				order = append(order, ranked{j.scores[at], i, at})
			}
		}
		slices.SortStableFunc(order, func(a, b ranked) int { return cmp.Compare(b.score, a.score) })
		for t := range thresholds {
			right, wrong := 0.0, 0.0
			recall, precision := make([]float64, len(order)), make([]float64, len(order))
			for k, r := range order {
				j := images[r.image]
				if !j.ignored[t][r.at] {
					if j.matched[t][r.at] {
						right++
					} else {
						wrong++
					}
				}
				recall[k], precision[k] = right/float64(wanted), right/(wrong+right+epsilon)
			}
			last := 0.0
			if len(recall) > 0 {
				last = recall[len(recall)-1]
			}
			c.recall[((t*c.classes+class)*len(areas)+area)*len(most)+m] = last
			if m == len(most)-1 {
				c.read(recall, precision, t, class, area)
			}
		}
	}
}

// read reads precision at the fixed recalls, after it was made to fall.
func (c *coco) read(recall, precision []float64, t, class, area int) {
	for i := len(precision) - 1; i > 0; i-- {
		precision[i-1] = max(precision[i-1], precision[i])
	}
	for r := range recalls {
		at, _ := slices.BinarySearch(recall, recallAt(r))
		v := 0.0
		if at < len(precision) {
			v = precision[at]
		}
		c.precision[c.index(t, r, class, area)] = v
	}
}

// recallAt is the i-th of the fixed recalls.
func recallAt(i int) float64 {
	if i == recalls-1 {
		return 1
	}
	return float64(i) * 0.01
}

func (c *coco) index(t, r, class, area int) int {
	return ((t*recalls+r)*c.classes+class)*len(areas) + area
}
