package score

import (
	"math"

	"contralens/detect"
)

// result turns the numbers of the evaluator into metrics in percent.
func (c *coco) result(set *detect.Set) *Result {
	r := &Result{}
	for i, v := range c.stats() {
		r.Metrics = append(r.Metrics, Metric{statNames[i], 100 * v})
	}
	for class, name := range set.Classes {
		one := func(t int) float64 { return 100 * c.ap(t, class, 0) }
		r.Classes = append(r.Classes, Class{name, c.objects[class], one(-1), one(at50), one(at75)})
		if c.objects[class] == 0 {
			continue
		}
		for _, t := range []int{at50, at75} {
			curve := Curve{Class: name, IoU: thresholds[t]}
			for i := range recalls {
				curve.Recall = append(curve.Recall, recallAt(i))
				curve.Precision = append(curve.Precision, c.precision[c.index(t, i, class, 0)])
			}
			r.Curves = append(r.Curves, curve)
		}
	}
	return r
}

// statNames are the names of COCO's twelve numbers: AP, at two thresholds and for small, medium
// and large objects, and the recall with 1, 10 and 100 detections per image and for those sizes.
var statNames = [12]string{
	"AP", "AP50", "AP75", "APs", "APm", "APl", "AR@1", "AR@10", "AR@100", "ARs", "ARm", "ARl",
}

// stats returns COCO's twelve numbers as fractions, NaN where there is nothing to measure.
func (c *coco) stats() [12]float64 {
	const all, hundred = -1, len(most) - 1
	return [12]float64{
		c.ap(all, all, 0), c.ap(at50, all, 0), c.ap(at75, all, 0), c.ap(all, all, 1), c.ap(all, all, 2), c.ap(all, all, 3),
		c.ar(0, 0), c.ar(0, 1), c.ar(0, hundred), c.ar(1, hundred), c.ar(2, hundred), c.ar(3, hundred),
	}
}

// ap is the mean precision at a threshold, of a class; -1 stands for all of them.
func (c *coco) ap(threshold, class, area int) float64 {
	var values []float64
	for t := range thresholds {
		for r := range recalls {
			for k := range c.classes {
				if (threshold < 0 || t == threshold) && (class < 0 || k == class) {
					values = append(values, c.precision[c.index(t, r, k, area)])
				}
			}
		}
	}
	return mean(values)
}

// ar is the mean recall over thresholds and classes.
func (c *coco) ar(area, m int) float64 {
	var values []float64
	for i, v := range c.recall {
		if i%len(most) == m && i/len(most)%len(areas) == area && !math.IsNaN(v) {
			values = append(values, v)
		}
	}
	return mean(values)
}
