// Package score judges detections: average precision by the rules of PASCAL VOC and of COCO,
// equal to the official evaluators, and the files of results that those read.
package score

import (
	"context"
	"fmt"
	"math"
	"sync"

	"contralens/detect"
	"contralens/internal/machine"
)

// Result is what an evaluator found out. Numbers are in percent; NaN stands for nothing to
// measure.
type Result struct {
	Metrics []Metric // the main one first
	Classes []Class
	Curves  []Curve // of each class at the thresholds 0.5 and 0.75
	// Rounded is the number of annotated boxes with fractions of pixels, which VOC's rules round.
	Rounded int
}

// Metric is a number with its usual name, such as AP50.
type Metric struct {
	Name  string
	Value float64
}

// Class are the numbers of a class.
type Class struct {
	Name           string
	Objects        int     // that should be found
	AP, AP50, AP75 float64 // NaN without objects
}

// Curve is precision over recall, both from 0 to 1.
type Curve struct {
	Class             string
	IoU               float64
	Recall, Precision []float64 // recall rises
}

// Metric returns the metric of a name, NaN if there is none.
func (r *Result) Metric(name string) float64 {
	for _, m := range r.Metrics {
		if m.Name == name {
			return m.Value
		}
	}
	return math.NaN()
}

// hundredths are VOC's IoUs from 0.5 to 0.95.
var hundredths = [10]float64{0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95}

// thresholds are COCO's IoUs from 0.5 to 0.95, rounded as NumPy's linspace does: 0.85 is a
// little less, which decides about IoUs of 17/20.
var thresholds = func() (t [10]float64) {
	first, last := 0.5, 0.95 // variables, because constants would be exact
	step := (last - first) / 9
	for i := range t {
		t[i] = float64(float64(i)*step) + first
	}
	t[9] = last
	return t
}()

// Indices of thresholds.
const at50, at75 = 0, 5

// check returns an error unless found has the detections of each image.
func check(set *detect.Set, found [][]detect.Detection) error {
	if len(found) != len(set.Images) {
		return fmt.Errorf("%s: want detections of %d images, got %d", set.Name, len(set.Images), len(found))
	}
	for i, list := range found {
		for _, d := range list {
			if d.Class < 0 || int(d.Class) >= len(set.Classes) {
				return fmt.Errorf("%s: image %s: want a class from 0 to %d, got %d",
					set.Name, set.Images[i].ID, len(set.Classes)-1, d.Class)
			}
		}
	}
	return nil
}

// mean returns the mean of the values that are numbers, NaN if there are none.
func mean(values []float64) float64 {
	sum, n := 0.0, 0
	for _, v := range values {
		if !math.IsNaN(v) {
			sum, n = sum+v, n+1
		}
	}
	if n == 0 {
		return math.NaN()
	}
	return sum / float64(n)
}

// parallel calls f for 0 … n-1 in several goroutines and returns the error with the lowest
// index, or that of ctx.
func parallel(ctx context.Context, n int, f func(i int) error) error {
	errs := make([]error, n)
	var wait sync.WaitGroup
	workers := min(machine.Processors(), n)
	for w := range workers {
		wait.Go(func() {
			for i := w; i < n && ctx.Err() == nil; i += workers {
				errs[i] = f(i)
			}
		})
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}
