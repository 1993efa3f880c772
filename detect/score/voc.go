package score

import (
	"cmp"
	"math"
	"slices"
	"strconv"

	"contralens/detect"
)

// VOC judges detections by PASCAL VOC's rules, found[i] those of set.Images[i]. AP is the mean
// over IoUs from 0.5 to 0.95, as Detectron2 reports it; each of its parts is a mean over
// classes. With eleven it follows the 11-point rule of VOC2007 (Everingham et al., 2010), also
// in AP; otherwise it is the area under the curve.
//
// Scores are rounded to 3 decimals and coordinates to 1, because the official files have no
// more. Boxes count pixels from 1, both ends included. Among equal scores the order is that of
// the images, then that of the detections, where Detectron2 leaves it to NumPy's unstable sort.
// A class without objects is left out of the means.
func VOC(set *detect.Set, found [][]detect.Detection, eleven bool) (*Result, error) {
	if err := check(set, found); err != nil {
		return nil, err
	}
	r := &Result{}
	truths, rounded := vocTruths(set)
	r.Rounded = rounded
	var means [10][]float64
	for class, name := range set.Classes {
		c := Class{Name: name, AP: math.NaN(), AP50: math.NaN(), AP75: math.NaN()}
		for _, t := range truths[class] {
			c.Objects += t.wanted()
		}
		if c.Objects > 0 {
			ranked := vocRank(found, class, truths[class])
			var aps [10]float64
			for i, threshold := range hundredths {
				recall, precision := vocCurve(ranked, truths[class], c.Objects, threshold)
				aps[i] = 100 * averagePrecision(recall, precision, eleven)
				means[i] = append(means[i], aps[i])
				if i == at50 || i == at75 {
					r.Curves = append(r.Curves, Curve{name, threshold, recall, precision})
				}
			}
			c.AP, c.AP50, c.AP75 = mean(aps[:]), aps[at50], aps[at75]
		}
		r.Classes = append(r.Classes, c)
	}
	var each []float64
	for _, m := range means {
		each = append(each, mean(m))
	}
	r.Metrics = []Metric{{"AP", mean(each)}, {"AP50", each[at50]}, {"AP75", each[at75]}}
	return r, nil
}

// vocTruth are the objects of one class in an image.
type vocTruth struct {
	boxes     [][4]float64 // of pixels counted from 1
	difficult []bool
}

func (t *vocTruth) wanted() (n int) {
	for _, d := range t.difficult {
		if !d {
			n++
		}
	}
	return n
}

// vocTruths returns the objects by class and image, and how many boxes had to be rounded.
func vocTruths(set *detect.Set) (truths [][]vocTruth, rounded int) {
	truths = make([][]vocTruth, len(set.Classes))
	for class := range truths {
		truths[class] = make([]vocTruth, len(set.Images))
	}
	for i, m := range set.Images {
		for _, o := range m.Objects {
			t := &truths[o.Class][i]
			exact := [4]float64{o.Box[0] + 1, o.Box[1] + 1, o.Box[2], o.Box[3]}
			box := exact
			for k := range box {
				box[k] = math.Round(box[k])
			}
			if box != exact {
				rounded++
			}
			t.boxes, t.difficult = append(t.boxes, box), append(t.difficult, o.Difficult)
		}
	}
	return truths, rounded
}

// vocDetection is a detection with the object of its class that it overlaps most.
type vocDetection struct {
	image, object int // object -1: the image has none
	score, iou    float64
}

// vocRank sorts the detections of a class by score.
func vocRank(found [][]detect.Detection, class int, truths []vocTruth) (list []vocDetection) {
	for i, detections := range found {
		for _, d := range detections {
			if int(d.Class) != class {
				continue
			}
			score, box := vocRounded(d)
			v := vocDetection{image: i, object: -1, score: score, iou: math.Inf(-1)}
			for j, b := range truths[i].boxes {
				if iou := vocIoU(box, b); iou > v.iou {
					v.object, v.iou = j, iou
				}
			}
			list = append(list, v)
		}
	}
	slices.SortStableFunc(list, func(a, b vocDetection) int { return cmp.Compare(b.score, a.score) })
	return list
}

// vocTexts returns the score and the corners of a detection as VOC's files have them.
func vocTexts(d detect.Detection) (score string, box [4]string) {
	text := func(v float32, digits int) string { return strconv.FormatFloat(float64(v), 'f', digits, 64) }
	return text(d.Score, 3), [4]string{text(d.Box[0]+1, 1), text(d.Box[1]+1, 1), text(d.Box[2], 1), text(d.Box[3], 1)}
}

func vocRounded(d detect.Detection) (score float64, box [4]float64) {
	text, corners := vocTexts(d)
	number := func(s string) float64 {
		v, _ := strconv.ParseFloat(s, 64) // it was formatted here
		return v
	}
	for i, c := range corners {
		box[i] = number(c)
	}
	return number(text), box
}

// vocIoU is the intersection over union of boxes of whole pixels, both ends included.
func vocIoU(a, b [4]float64) float64 {
	w := max(min(a[2], b[2])-max(a[0], b[0])+1, 0)
	h := max(min(a[3], b[3])-max(a[1], b[1])+1, 0)
	both := float64(w * h)
	areaA := float64((a[2] - a[0] + 1) * (a[3] - a[1] + 1))
	areaB := float64((b[2] - b[0] + 1) * (b[3] - b[1] + 1))
	return both / (areaA + areaB - both)
}

// vocCurve returns recall and precision after each detection. A detection is right if it
// overlaps its best object by more than the threshold and is the first to do so; one that
// finds a difficult object counts neither way.
func vocCurve(ranked []vocDetection, truths []vocTruth, objects int, threshold float64) (recall, precision []float64) {
	taken := map[[2]int]bool{}
	right, wrong := 0.0, 0.0
	for _, d := range ranked {
		key := [2]int{d.image, d.object}
		switch {
		case !(d.iou > threshold):
			wrong++
		case truths[d.image].difficult[d.object]:
		case taken[key]:
			wrong++
		default:
			taken[key] = true
			right++
		}
		recall = append(recall, right/float64(objects))
		precision = append(precision, right/max(right+wrong, epsilon))
	}
	return recall, precision
}

// epsilon is the distance from 1 to the next float64. The evaluators keep quotients finite with
// it.
const epsilon = 0x1p-52

// averagePrecision is the mean of the best precision at recalls of at least 0, 0.1 … 1, or the
// area under the curve after it was made to fall.
func averagePrecision(recall, precision []float64, eleven bool) float64 {
	best := slices.Clone(precision) // at this recall or more
	for i := len(best) - 2; i >= 0; i-- {
		best[i] = max(best[i], best[i+1])
	}
	sum := 0.0
	if eleven {
		for k := range 11 {
			at, _ := slices.BinarySearch(recall, float64(k)*0.1)
			if at < len(best) {
				sum += best[at] / 11
			}
		}
		return sum
	}
	last := 0.0
	for i, r := range recall {
		if r != last {
			sum += float64((r - last) * best[i])
			last = r
		}
	}
	return sum
}
