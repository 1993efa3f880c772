package rundir

import (
	"math"
	"testing"

	"contralens/scores/record"
)

// The first step of an epoch is exact in records of more steps than the curve that is read first has bins.
func TestEpochs(t *testing.T) {
	for _, length := range []int{1, 79, 128, 70_001} {
		last := 3*length + max(1, length/2)
		source := curves{last: last, values: map[string]func(int) float64{"epoch": func(step int) float64 {
			return float64((step-1)/length + 1)
		}}}
		got, err := Epochs(source)
		if err != nil || len(got) != 4 {
			t.Fatalf("%d steps an epoch: %v, %v", length, got, err)
		}
		for i, e := range got {
			if e != (Epoch{Number: i + 1, Step: i*length + 1}) {
				t.Errorf("%d steps an epoch: epoch %d is %+v", length, i+1, e)
			}
		}
	}
	without := curves{last: 9, values: map[string]func(int) float64{"loss": func(int) float64 { return math.Pi }}}
	if got, err := Epochs(without); len(got) != 0 || err != nil {
		t.Errorf("no series epoch: %v, %v", got, err)
	}
}

// A record, too.
func TestEpochsOfRecord(t *testing.T) {
	dir := t.TempDir()
	add(t, dir, 41, 250, 0)
	r, err := record.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Epochs(r)
	want := []Epoch{{1, 41}, {2, 101}, {3, 201}}
	if err != nil || len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
}
