package dashboard

import (
	"testing"

	"contralens/rundir"
)

// The slowest process is compared with the median, and named if the training named it.
func TestSlowestProcess(t *testing.T) {
	for _, tc := range []struct {
		wait, compute []float64
		want          float64 // -1: not shown
	}{
		{[]float64{0.1, 0.1}, []float64{0.9, 1.4}, 50},
		{[]float64{0, 0.5, 0}, []float64{1, 1, 1}, 50},
		{[]float64{0.1}, []float64{1}, -1},
		{nil, nil, -1},
		{[]float64{0, 0}, []float64{0, 0}, -1},
		{[]float64{0, 0}, []float64{1}, -1},
	} {
		got := slowest(rundir.Metrics{RankWait: tc.wait, RankCompute: tc.compute})
		if (got != nil) != (tc.want >= 0) || got != nil && (*got < tc.want-1e-9 || *got > tc.want+1e-9) {
			t.Errorf("waits %v, computes %v: %v, want %v", tc.wait, tc.compute, got, tc.want)
		}
	}
	said := "rank 3 (node2) waits for images 0.31 s a step, where others take 0.02 s: all wait for it"
	var m metrics
	m.series = map[string][]point{}
	m.addMetrics(rundir.Metrics{Step: new(40.0), Event: rundir.EventSlow, Message: said})
	found := Diagnose(Evidence{Step: 40, Slow: m.slow})
	if len(found) != 1 || found[0].Rule != "slow_rank" || found[0].Evidence[0] != said {
		t.Errorf("found %+v, want the process that all wait for", found)
	}
}
