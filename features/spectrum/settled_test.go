package spectrum

import (
	"strings"
	"testing"
)

// moving is a training whose measures change until an epoch, and then stay.
func moving(epochs, until int, churn func(epoch int) float64) (lines []Line) {
	for e := 1; e <= epochs; e++ {
		v := float64(min(e, until))
		lines = append(lines, Line{
			Epoch: e, Backbone: &Space{Values: map[string]float64{ChurnName: churn(e)}},
			Head: &Space{Values: map[string]float64{RankMeName: 10 + 2*v, AlignmentName: 0.5 - 0.01*v, WassersteinName: 0.6 + 0.02*v}},
		})
	}
	return lines
}

// every returns the lines of every second epoch.
func every(lines []Line) (some []Line) {
	for _, l := range lines {
		if l.Epoch%2 == 0 {
			some = append(some, l)
		}
	}
	return some
}

// A training settles once churn, rank, alignment and W₂ all have for a tenth of the plan, and at least
// three measurements.
func TestSettled(t *testing.T) {
	constant := func(v float64) func(int) float64 { return func(int) float64 { return v } }
	first := func(lines []Line, planned int) int {
		for n := range lines {
			if _, ok := Settled(lines[:n+1], planned); ok {
				return lines[n].Epoch
			}
		}
		return 0
	}
	for _, c := range []struct {
		name          string
		lines         []Line
		planned, want int
	}{
		{"neighbors stay from epoch 10", moving(30, 1, func(e int) float64 { return map[bool]float64{true: 0.6, false: 0.1}[e < 10] }), 30, 13},
		{"of a long plan", moving(60, 1, constant(0.05)), 200, 22}, // 0.05·√20 in a tenth
		{"neighbors change in a long plan", moving(60, 1, constant(0.09)), 200, 0},
		{"neighbors change", moving(30, 1, constant(0.22)), 30, 0}, // 0.22·√3 in a tenth
		{"as many in two epochs", every(moving(30, 1, constant(0.22))), 30, 8},
		{"rank and alignment settle at 20", moving(60, 20, constant(0.01)), 100, 25},
		{"rank and alignment move to the end", moving(45, 100, constant(0.01)), 100, 0},
		{"two measurements", moving(2, 1, constant(0.01)), 2, 0},
	} {
		if got := first(c.lines, c.planned); got != c.want {
			t.Errorf("%s: settled after epoch %d, want %d", c.name, got, c.want)
		}
	}
	why, _ := Settled(moving(20, 5, constant(0.03)), 20)
	if !strings.Contains(why, "changes 4 % of an image's neighbors") || !strings.Contains(why, "RankMe by 0 %") {
		t.Errorf("why: %s", why)
	}
	lines := moving(20, 5, constant(0.03))
	lines[18].Head = nil // could not be measured
	if _, ok := Settled(lines, 20); ok {
		t.Error("settled without embeddings")
	}
}
