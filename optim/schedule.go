// Package optim has the optimizer of pre-training and evaluation: [SGD] moves the
// parameters, and a [Schedule] gives its learning rate for every batch.
package optim

import "math"

// Schedule gives the learning rate. Epochs count from 1, batches from 0.
type Schedule struct {
	Rate       float64 // lr, the initial rate
	Epochs     int     // E, the length of the training
	Cosine     bool    // cosine instead of step decay
	ByStep     bool    // cosine: the rate changes with every batch, not with every epoch
	DecayRate  float64 // decay
	Milestones []int   // the epochs after which step decay multiplies the rate by DecayRate
	Warm       bool    // linear warm-up in the first WarmEpochs
	WarmEpochs int
	WarmFrom   float64 // the rate at the start of the warm-up
	// WarmSteps > 0 are the steps of a linear warm-up from 0 to Rate, in place of Warm. A cosine
	// then covers the rest of the training, step by step.
	WarmSteps int
}

// Epoch is the rate of epoch e, disregarding warm-up:
//
//	cosine  η_min + (lr-η_min)(1+cos(π e/E))/2,  η_min = lr·decay³
//	step    lr·decay^#{milestones < e}
func (s Schedule) Epoch(e int) float64 {
	if s.Cosine {
		return s.cosine(float64(e))
	}
	passed := 0
	for _, m := range s.Milestones {
		if e > m {
			passed++
		}
	}
	return s.Rate * math.Pow(s.DecayRate, float64(passed))
}

// cosine is the rate after a number of epochs, which need not be whole.
func (s Schedule) cosine(epochs float64) float64 {
	least := s.Rate * math.Pow(s.DecayRate, 3)
	return least + (s.Rate-least)*(1+math.Cos(math.Pi*epochs/float64(s.Epochs)))/2
}

// At returns the rate of one of the batches of epoch e: that of the epoch, or during
// warm-up a point on the line from WarmFrom to the rate at the end of the warm-up.
func (s Schedule) At(e, batch, batches int) float64 {
	if s.WarmSteps > 0 {
		return s.afterSteps(e, batch, batches)
	}
	if !s.Warm || e > s.WarmEpochs {
		if s.Cosine && s.ByStep {
			return s.cosine(float64(e-1) + float64(batch)/float64(batches))
		}
		return s.Epoch(e)
	}
	to := s.Rate
	if s.Cosine {
		to = s.Epoch(s.WarmEpochs)
	}
	p := float64(batch+(e-1)*batches) / float64(s.WarmEpochs*batches)
	return s.WarmFrom + p*(to-s.WarmFrom)
}

// afterSteps is At with WarmSteps.
func (s Schedule) afterSteps(e, batch, batches int) float64 {
	step, all := (e-1)*batches+batch, s.Epochs*batches
	switch {
	case step < s.WarmSteps:
		return s.Rate * float64(step+1) / float64(s.WarmSteps)
	case s.Cosine:
		return s.cosine(float64(s.Epochs) * float64(step-s.WarmSteps) / float64(max(1, all-s.WarmSteps)))
	}
	return s.Epoch(e)
}

// Warmed returns s with the warm-up of the reference code turned on or off: from 0.01
// over 5 epochs, or over 10 if there are more than 500.
func (s Schedule) Warmed(on bool) Schedule {
	s.Warm, s.WarmFrom, s.WarmEpochs = on, 0.01, 5
	if s.Epochs > 500 {
		s.WarmEpochs = 10
	}
	return s
}
