package dashboard

import (
	"reflect"
	"testing"

	"contralens/rundir"
	"contralens/scores/record"
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

// TestEpochNumbers: without ends of epochs, the clock reads a series of epoch numbers, which
// count from 1 or 0, or are fractions.
func TestEpochNumbers(t *testing.T) {
	bins := func(values ...float64) (list []record.Bin) {
		for i, v := range values {
			list = append(list, record.Bin{Step: 10*i + 1, N: 10, Mean: v, Min: v, Max: v})
		}
		return list
	}
	mixed := bins(1, 1, 2, 2, 3)
	mixed[2] = record.Bin{Step: 21, N: 10, Mean: 1.5, Min: 1, Max: 2} // epoch 2 begins within
	for name, c := range map[string]struct {
		numbers []record.Bin
		want    [][2]float64
	}{
		"from 1":    {bins(1, 1, 2, 2, 3), [][2]float64{{20, 1}, {40, 2}}},
		"from 0":    {bins(0, 0, 1, 1, 2), [][2]float64{{20, 1}, {40, 2}}},
		"in a bin":  {mixed, [][2]float64{{30, 1}, {40, 2}}},
		"fractions": {bins(0.5, 1, 1.5), [][2]float64{{1, 0.5}, {11, 1}, {21, 1.5}}},
		"one":       {bins(1, 1), nil},
		"steps":     {[]record.Bin{{Step: 0, N: 1}, {Step: 1, N: 1, Mean: 1, Min: 1, Max: 1}}, [][2]float64{{1, 1}}},
	} {
		var got clock
		got.epochs(c.numbers)
		if !reflect.DeepEqual(got.Epochs, c.want) {
			t.Errorf("%s: got %v, want %v", name, got.Epochs, c.want)
		}
	}
	if got := (clock{Epochs: [][2]float64{{0, 0.5}, {1, 1}}}).thinned(nil).Epochs; !reflect.DeepEqual(got, [][2]float64{{0, 0}, {1, 1}}) {
		t.Errorf("want each step once, got %v", got)
	}
	known := clock{Epochs: [][2]float64{{7, 1}}}
	if known.epochs(bins(1, 2)); len(known.Epochs) != 1 {
		t.Errorf("ends of epochs are better than numbers, got %v", known.Epochs)
	}
}
