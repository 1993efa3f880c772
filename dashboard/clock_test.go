package dashboard

import (
	"reflect"
	"testing"

	"contralens/rundir"
)

// TestClock: the time of a step comes from the speed of the lines up to it; a resumed run
// counts its steps once.
func TestClock(t *testing.T) {
	line := func(epoch, speed float64, end bool) rundir.Metrics {
		m := rundir.Metrics{Epoch: epoch, EpochEnd: end}
		if speed > 0 {
			m.Speed = &speed
		}
		return m
	}
	var c clock
	c.add(10, line(1, 100, false))
	c.add(20, line(1, 0, true))
	c.add(30, line(2, 10, false)) // lost with the checkpoint that it was after
	c.add(40, line(2, 0, true))
	c.add(30, line(2, 50, false))
	c.add(40, line(2, 0, true))
	got := c.thinned(map[string]string{"batch_size": "5"})
	want := clock{Epochs: [][2]float64{{0, 0}, {20, 1}, {40, 2}}, Seconds: [][2]float64{{0, 0}, {10, 0.5}, {30, 2.5}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := c.thinned(nil); len(got.Seconds) != 0 || got.Seconds == nil {
		t.Errorf("without a batch size there is no time, got %v", got.Seconds)
	}
	var long clock
	for i := range 100_000 {
		long.add(i+1, line(float64(i+1), 1, true))
	}
	if got := long.thinned(map[string]string{"batch_size": "1"}); len(got.Epochs) > clockRows+2 || got.Epochs[len(got.Epochs)-1][0] != 100_000 {
		t.Errorf("got %d rows up to step %v", len(got.Epochs), got.Epochs[len(got.Epochs)-1][0])
	}
}
