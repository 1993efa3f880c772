package optim

import "math"

// Iterations gives the learning rate of a training that counts iterations, as detection
// does: a linear warm-up, then step decay (Goyal et al., 2017; Detectron2's WarmupMultiStepLR).
type Iterations struct {
	Rate       float64 // lr
	Total      int     // length of the training
	Milestones []int   // iterations from which on the rate is multiplied by DecayRate once more
	DecayRate  float64 // γ
	Warm       int     // w, iterations of the warm-up
	WarmFactor float64 // f: the first iteration has the rate f·lr
}

// At returns the rate of iteration i, counted from 0:
//
//	lr·(f·(1-i/w) + m(w)·i/w)  for i < w    lr·m(i)  from w on    m(i) = γ^#{milestones ≤ i}
func (s Iterations) At(i int) float64 {
	if i >= s.Warm {
		return s.Rate * s.decayed(i)
	}
	t := float64(i) / float64(s.Warm)
	return s.Rate * (s.WarmFactor*(1-t) + s.decayed(s.Warm)*t)
}

// decayed is m(i).
func (s Iterations) decayed(i int) float64 {
	passed := 0
	for _, m := range s.Milestones {
		if m <= i {
			passed++
		}
	}
	return math.Pow(s.DecayRate, float64(passed))
}

// ForBatch returns the schedule for another batch size by the linear rule: the rate grows
// with the batch, and everything that counts iterations shrinks, so that as many images are
// seen (Goyal et al., 2017).
func (s Iterations) ForBatch(from, to int) Iterations {
	if from == to {
		return s
	}
	shrunk := func(n int) int { return int(math.Round(float64(n) * float64(from) / float64(to))) }
	s.Rate *= float64(to) / float64(from)
	s.Total, s.Warm = max(1, shrunk(s.Total)), shrunk(s.Warm)
	milestones := make([]int, len(s.Milestones))
	for i, m := range s.Milestones {
		milestones[i] = shrunk(m)
	}
	s.Milestones = milestones
	return s
}
