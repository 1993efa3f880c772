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

// A training settles once churn, rank, alignment and W₂ all have for a tenth of the plan, and at least
// three measurements.
func TestSettled(t *testing.T) {
	calm := func(e int) float64 { return 0.03 }
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
		{"settled at 5", moving(30, 5, calm), 30, 8},
		{"of a long plan", moving(60, 5, calm), 200, 22},
		{"neighbors change", moving(30, 5, func(int) float64 { return 0.06 }), 30, 0},
		{"neighbors change now and then", moving(30, 5, func(e int) float64 { return 0.03 + 0.05*float64(e%3/2) }), 30, 0},
		{"moving to the end", moving(10, 30, calm), 10, 0},
		{"two measurements", moving(2, 1, calm), 2, 0},
	} {
		if got := first(c.lines, c.planned); got != c.want {
			t.Errorf("%s: settled after epoch %d, want %d", c.name, got, c.want)
		}
	}
	why, _ := Settled(moving(20, 5, calm), 20)
	if !strings.Contains(why, "at most 3.0 % of an image's neighbors") || !strings.Contains(why, "RankMe moved by 0.0 %") {
		t.Errorf("why: %s", why)
	}
	lines := moving(20, 5, calm)
	lines[18].Head = nil // could not be measured
	if _, ok := Settled(lines, 20); ok {
		t.Error("settled without embeddings")
	}
}
