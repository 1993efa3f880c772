package record

import (
	"math"
	"math/rand/v2"
)

// Generate writes a synthetic record to dir, for tests and for trying out readers:
// positives rise and negatives spread out, with noise and rare peaks (every 100,003rd
// loss is 50). There is one histogram per 64 steps, so that a million steps stay small.
func Generate(dir string, steps int) error {
	h := NewHeader(TrainingNames(), TrainingHistograms(false))
	h.HistogramSteps = 64
	w, err := NewWriter(dir, h, 0)
	if err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(1, 2))
	s := Step{Values: make([]float32, len(h.Series))}
	for _, k := range h.Histograms {
		s.Histograms = append(s.Histograms, make([]float32, k.Bins))
	}
	for i := range steps {
		x := float64(i) / float64(steps)
		pos, spread := 0.9-0.6*math.Exp(-8*x), 0.1+0.2*math.Exp(-8*x)
		for j := range s.Values {
			s.Values[j] = float32(pos*float64(1+j%5)/5 + 0.05*rng.NormFloat64())
		}
		s.Values[0], s.Values[1] = float32(1+200*i/steps), float32(2+6*math.Exp(-8*x)+0.1*rng.NormFloat64())
		if (i+1)%100_003 == 0 {
			s.Values[1] = 50
		}
		if i%h.HistogramSteps == 0 {
			bell(s.Histograms[0], h.Histograms[0], pos, 0.08)
			bell(s.Histograms[1], h.Histograms[1], 0, spread)
		}
		s.Step = i + 1
		if err := w.Add(s); err != nil {
			return err
		}
	}
	return w.Close()
}

// bell fills counts with a normal distribution.
func bell(counts []float32, h Histogram, mean, std float64) {
	width := (h.High - h.Low) / float64(h.Bins)
	for i := range counts {
		z := (h.Low + (float64(i)+0.5)*width - mean) / std
		counts[i] = float32(math.Round(1000 * math.Exp(-z*z/2)))
	}
}
