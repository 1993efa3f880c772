package study

import (
	"time"

	"contralens/internal/humanize"
	"contralens/study/jobs"
)

// Pace is how long trainings of the arms take.
type Pace struct {
	// Images returns how many images a cell is trained on, epoch by epoch.
	Images func(Cell) float64
	// Measured has the measured seconds per image of arms, before any is done. Evaluations are in
	// them.
	Measured map[int]float64
}

// Left returns how long the cells that are not done take one after another, from those that are
// done or else from the measurement. known is false if neither is there, and in a study with
// detectors until one is trained.
func (s *Study) Left(p Pace, done map[string]jobs.Outcome) (left time.Duration, known bool) {
	seconds, images := map[int]float64{}, map[int]float64{}
	var allSeconds, allImages float64
	cells := s.Planned(done)
	for _, c := range cells {
		if o, ok := done[c.Name]; ok && !o.Failed() && o.Images > 0 {
			pure := o.Seconds - o.Detecting
			seconds[c.Arm], images[c.Arm] = seconds[c.Arm]+pure, images[c.Arm]+o.Images
			allSeconds, allImages = allSeconds+pure, allImages+o.Images
		}
	}
	detecting, timed := s.Detecting(done)
	total := 0.0
	for _, c := range cells {
		if _, ok := done[c.Name]; ok {
			continue
		}
		if s.Detects() && !c.Validates() {
			if !timed {
				return 0, false
			}
			total += detecting.Seconds()
		}
		if s.Arms[c.Arm].Untrained {
			continue
		}
		each, measured := p.Measured[c.Arm]
		switch {
		case images[c.Arm] > 0:
			each = seconds[c.Arm] / images[c.Arm]
		case measured:
		case allImages > 0:
			each = allSeconds / allImages
		default:
			return 0, false
		}
		total += each * p.Images(c)
	}
	return time.Duration(min(total, 1e9) * float64(time.Second)), true // a duration holds 292 years
}

// Detecting returns how long the detector of a cell takes, the mean of those that are done. known
// is false before any is, and in a study without detectors.
func (s *Study) Detecting(done map[string]jobs.Outcome) (each time.Duration, known bool) {
	sum, n := 0.0, 0
	for _, o := range done {
		if !o.Failed() && o.Detecting > 0 {
			sum, n = sum+o.Detecting, n+1
		}
	}
	if n == 0 {
		return 0, false
	}
	return time.Duration(min(sum/float64(n), 1e9) * float64(time.Second)), true
}

// duration formats seconds, "" for none.
func duration(seconds float64) string {
	if seconds == 0 {
		return ""
	}
	return humanize.Duration(time.Duration(seconds * float64(time.Second)))
}
