package train

import (
	"testing"

	"contralens/contrast"
)

// steps of one query with those scores.
func scored(step int, pos, neg, variance float32) Step {
	row := make([]float32, contrast.ScoreColumns)
	row[contrast.Positive], row[contrast.MeanNegative], row[contrast.VarNegative] = pos, neg, variance
	return Step{Step: step, Scores: row}
}

func TestMixStart(t *testing.T) {
	for _, c := range []struct {
		name  string
		step  func(i int) (s Step, filled bool)
		since int // of 100 steps; 0: never
	}{
		{"separated all along", func(i int) (Step, bool) { return scored(i, 0.8, 0.2, 0.04), true }, 100},
		{"once the queue is full", func(i int) (Step, bool) { return scored(i, 0.8, 0.2, 0.04), i >= 31 }, 130},
		{"from step 41 on", func(i int) (Step, bool) {
			if i < 41 {
				return scored(i, 0.9, 0.8, 0.01), true
			}
			return scored(i, 0.8, 0.2, 0.04), true
		}, 140},
		{"a step between starts anew", func(i int) (Step, bool) {
			if i == 15 {
				return scored(i, 0.5, 0.4, 0.04), true
			}
			return scored(i, 0.8, 0.2, 0.04), true
		}, 115},
		{"collapsed: many deviations, no gap", func(i int) (Step, bool) { return scored(i, 0.99, 0.97, 1e-6), true }, 0},
		{"a gap within the deviation", func(i int) (Step, bool) { return scored(i, 0.6, 0.1, 0.25), true }, 0},
		{"nobody measured", func(i int) (Step, bool) { return Step{Step: i}, true }, 0},
		{"from statistics", func(i int) (Step, bool) {
			return Step{Step: i, Statistics: &contrast.Statistics{Seen: contrast.Distribution{PosMean: 0.8, NegMean: 0.2, NegVar: 0.04}}}, true
		}, 100},
	} {
		var m mixStart
		for i := 1; i <= 300; i++ {
			// Half-way everything goes through a checkpoint.
			if i == 10 {
				var again mixStart
				again.set(m.dict())
				m = again
			}
			m.see(c.step(i))
		}
		if m.since != c.since {
			t.Errorf("%s: sets in after step %d, want %d", c.name, m.since, c.since)
		}
	}
}
