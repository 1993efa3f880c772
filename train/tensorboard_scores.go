package train

import (
	"contralens/events"
	"contralens/scores/record"
)

// epochScores gathers the histograms of an epoch's scores for TensorBoard.
type epochScores struct {
	kinds  []record.Histogram
	counts [][]float32
}

func (e *epochScores) add(r *Run, s Step) {
	if s.Statistics == nil {
		return
	}
	if e.kinds == nil {
		e.kinds = record.TrainingHistograms(r.Model.Transform.On())
		for _, k := range e.kinds {
			e.counts = append(e.counts, make([]float32, k.Bins))
		}
	}
	for i, k := range e.kinds {
		count(e.counts[i], k, s.Statistics)
	}
}

// write writes the histograms of an epoch and clears them.
func (e *epochScores) write(w *events.Writer, epoch int) error {
	for i, k := range e.kinds {
		if err := w.Histogram("scores/"+k.Kind, epoch, tensorBoard(k, e.counts[i])); err != nil {
			return err
		}
		clear(e.counts[i])
	}
	return nil
}

// tensorBoard converts a histogram to TensorBoard's form, without the empty bins at its
// ends. Its sums take every score to be in the middle of its bin.
func tensorBoard(k record.Histogram, counts []float32) events.Histogram {
	edges := k.Edges()
	first, last := 0, len(counts)-1
	for first < last && counts[first] == 0 {
		first++
	}
	for last > first && counts[last] == 0 {
		last--
	}
	h := events.Histogram{Min: edges[first], Max: edges[last+1]}
	for i := first; i <= last; i++ {
		n, middle := float64(counts[i]), (edges[i]+edges[i+1])/2
		h.Num += n
		h.Sum += n * middle
		h.SumSquares += n * middle * middle
		h.Limits, h.Counts = append(h.Limits, edges[i+1]), append(h.Counts, n)
	}
	return h
}
