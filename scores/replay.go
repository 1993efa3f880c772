package scores

import (
	"fmt"
	"slices"

	"contralens/scores/record"
)

// replaySteps is the largest number of steps whose histograms are replayed as one: features should hardly change
// among them.
const replaySteps = 100

// Temperatures is what a run's scores would have been at other temperatures.
type Temperatures struct {
	From     int        `json:"from"` // steps
	To       int        `json:"to"`
	Recorded float64    `json:"recorded_loss"` // mean of the recorded losses; NaN is left out
	At       []Replayed `json:"at"`
}

// AtTemperatures replays the histograms of up to 100 steps that end with step (0: the last one) at temperatures.
func AtTemperatures(s Source, step int, temperatures []float64) (t Temperatures, err error) {
	first, last := s.Range()
	if last < first {
		return t, fmt.Errorf("want a record with steps, got none so far")
	}
	if step == 0 {
		step = last
	}
	if step < first || step > last {
		return t, fmt.Errorf("want a step from %d to %d, got %d", first, last, step)
	}
	kinds := s.Kinds()
	for _, kind := range []string{"pos", "neg"} {
		if !slices.Contains(kinds, kind) {
			return t, fmt.Errorf("want histograms of positives and negatives, as --record keeps them, got %v", kinds)
		}
	}
	t.From, t.To = max(first, step-replaySteps+1), step
	var heats [2]record.Heat
	for i, kind := range []string{"pos", "neg"} {
		if heats[i], err = s.Sum(kind, t.From, t.To); err != nil {
			return t, err
		}
	}
	if curve, err := s.Curve("loss", t.From, t.To, 1<<12); err == nil {
		n := 0
		for _, b := range curve {
			t.Recorded += b.Mean * float64(b.N)
			n += b.N
		}
		t.Recorded /= float64(max(1, n))
	}
	for _, τ := range temperatures {
		r, err := Replay(heats[0], heats[1], τ)
		if err != nil {
			return t, err
		}
		t.At = append(t.At, r)
	}
	return t, nil
}
