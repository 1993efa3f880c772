package scores

import (
	"fmt"
	"slices"

	"contralens/scores/record"
)

// replaySteps is the largest number of steps that a replay covers: features should hardly change among them.
const replaySteps = 100

// Temperatures is what a run's scores would have been at other temperatures.
type Temperatures struct {
	From int `json:"from"` // steps
	To   int `json:"to"`
	// Recorded is the mean of the recorded losses, those that are NaN left out; nil if there is none.
	Recorded *float64   `json:"recorded_loss,omitempty"`
	At       []Replayed `json:"at"`
}

// AtTemperatures replays the histograms of up to 100 steps that end with step (0: the last one) at temperatures.
// Each step is replayed by itself, and the results are averaged: sums of histograms of unlike steps, such as
// those around the onset of a transformation, are the scores of no step.
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
	if t.Recorded, err = recordedLoss(s, t.From, t.To); err != nil {
		return t, err
	}
	t.At = make([]Replayed, len(temperatures))
	covered := 0
	for at := t.From; at <= t.To; {
		var heats [2]record.Heat
		for i, kind := range []string{"pos", "neg"} {
			if heats[i], err = s.Sum(kind, at, at); err != nil {
				return t, err
			}
		}
		n := 1
		if len(heats[0].Rows) > 0 && len(heats[1].Rows) > 0 {
			row := heats[0].Rows[0]
			n = max(1, row.Step+row.N-at) // a row of a long record is the sum of several steps
			if sum(row.Counts) == 0 && (at+n <= t.To || covered > 0) {
				at += n // nothing was recorded there
				continue
			}
		}
		for i, τ := range temperatures {
			r, err := Replay(heats[0], heats[1], τ)
			if err != nil {
				return t, err
			}
			t.At[i].add(r, float64(n))
		}
		covered, at = covered+n, at+n
	}
	for i := range t.At {
		t.At[i].divide(float64(covered))
	}
	return t, nil
}

// recordedLoss is the mean of the losses of steps, those that are NaN left out; nil if there is none.
func recordedLoss(s Source, from, to int) (*float64, error) {
	if !slices.Contains(s.Series(), "loss") {
		return nil, nil
	}
	loss, err := s.Summary("loss", from, to)
	if err != nil || loss.N == 0 {
		return nil, err
	}
	return &loss.Mean, nil
}

// add adds the values of another replay, n times.
func (r *Replayed) add(other Replayed, n float64) {
	r.Temperature = other.Temperature
	r.Loss += n * other.Loss
	r.Chance += n * other.Chance
	r.Effective += n * other.Effective
	r.Pull += n * other.Pull
	for i, v := range other.Hardest {
		r.Hardest[i] += n * v
	}
}

func (r *Replayed) divide(n float64) {
	r.Loss, r.Chance, r.Effective, r.Pull = r.Loss/n, r.Chance/n, r.Effective/n, r.Pull/n
	for i := range r.Hardest {
		r.Hardest[i] /= n
	}
}
