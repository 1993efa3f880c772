package scores

import (
	"math"
	"testing"

	"contralens/scores/record"
)

// halves is a source whose negatives change after step 60: from scores around 0 to scores up to 1. A row of
// the histograms has the sum of unit steps.
type halves struct {
	Source
	unit  int
	empty int // steps from this one on have no scores; 0: all have
	quiet bool
}

var edges = []float64{-1, -0.5, 0, 0.5, 1}

func (h halves) Range() (int, int) { return 1, 120 }
func (h halves) Kinds() []string   { return []string{"pos", "neg"} }
func (h halves) Series() []string {
	if h.quiet {
		return []string{"lr"}
	}
	return []string{"loss"}
}

func (h halves) Sum(kind string, from, to int) (record.Heat, error) {
	first := (from-1)/h.unit*h.unit + 1
	row := record.HeatRow{Step: first, N: ((to-1)/h.unit+1)*h.unit - first + 1, Counts: make([]float64, 4)}
	for s := first; s < first+row.N && (h.empty == 0 || s < h.empty); s++ {
		at, n := 3, 2.0
		if kind == "neg" {
			n = 200
			if s <= 60 {
				at = 1
			}
		}
		row.Counts[at] += n
	}
	return record.Heat{Edges: edges, Rows: []record.HeatRow{row}}, nil
}

func (h halves) Summary(_ string, from, to int) (record.Bin, error) {
	return record.Bin{Step: from, N: to - from + 1, Mean: 3}, nil
}

// TestReplayAroundOnset: a window over a change has the mean of what its steps have, not the loss of their
// pooled scores; so do rows of several steps.
func TestReplayAroundOnset(t *testing.T) {
	for _, unit := range []int{1, 20} {
		source := halves{unit: unit}
		got, err := AtTemperatures(source, 0, []float64{0.1, 0.5})
		if err != nil {
			t.Fatal(err)
		}
		if got.From != 21 || got.To != 120 || got.Recorded == nil || *got.Recorded != 3 {
			t.Errorf("%+v", got)
		}
		for i, τ := range []float64{0.1, 0.5} {
			var both [2]Replayed
			for j, step := range []int{21, 120} {
				pos, _ := source.Sum("pos", step, step)
				neg, _ := source.Sum("neg", step, step)
				if both[j], err = Replay(pos, neg, τ); err != nil {
					t.Fatal(err)
				}
			}
			want := 0.4*both[0].Loss + 0.6*both[1].Loss // 40 steps before the change, 60 after it
			if r := got.At[i]; math.Abs(r.Loss-want) > 1e-9 || r.Temperature != τ ||
				math.Abs(r.Effective-(0.4*both[0].Effective+0.6*both[1].Effective)) > 1e-9 {
				t.Errorf("unit %d, τ %v: want a loss of %v, got %+v", unit, τ, want, r)
			}
		}
	}
}

// TestReplayOfMissing: steps without scores do not count, wherever they are in the window; nothing but such steps
// is an error. A record without losses has none, not 0.
func TestReplayOfMissing(t *testing.T) {
	whole, err := AtTemperatures(halves{unit: 1}, 100, []float64{0.1})
	if err != nil {
		t.Fatal(err)
	}
	got, err := AtTemperatures(halves{unit: 1, empty: 61}, 0, []float64{0.1})
	if err != nil {
		t.Fatal(err)
	}
	first, err := AtTemperatures(halves{unit: 1}, 60, []float64{0.1})
	if err != nil {
		t.Fatal(err)
	}
	if l := got.At[0].Loss; math.Abs(l-first.At[0].Loss) > 1e-9 || math.Abs(l-whole.At[0].Loss) < 0.1 {
		t.Errorf("without the steps from 61 on: a loss of %v, want %v", l, first.At[0].Loss)
	}
	if _, err := AtTemperatures(halves{unit: 1, empty: 1}, 0, []float64{0.1}); err == nil {
		t.Error("no error without any scores")
	}
	if got, err := AtTemperatures(halves{unit: 1, quiet: true}, 0, []float64{0.1}); err != nil || got.Recorded != nil {
		t.Errorf("without losses: %v, %v", got.Recorded, err)
	}
}
