package optim

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"contralens/internal/golden"
)

// The rates of Detectron2, for the schedules of VOC and COCO.
func TestIterationsGolden(t *testing.T) {
	for _, name := range []string{"voc", "coco1x", "coco2x", "tiny"} {
		c := golden.Load(t, "detection", "ops", "schedule_"+name)
		var p struct {
			Iters, Warmup int
			Steps         []int
			Base          float64
		}
		c.Decode(c.Params, &p)
		s := Iterations{Rate: p.Base, Total: p.Iters, Milestones: p.Steps, DecayRate: 0.1, Warm: p.Warmup, WarmFactor: 0.001}
		at := c.Array("iteration").I64
		for i, lr := range c.Array("lr").F64 {
			if got := s.At(int(at[i])); math.Abs(got-lr) > 1e-12*lr {
				t.Errorf("%s, iteration %d: %v, want %v", name, at[i], got, lr)
			}
		}
	}
}

// A quarter of the batch: a quarter of the rate, four times the iterations.
func TestIterationsForBatch(t *testing.T) {
	s := Iterations{Rate: 0.02, Total: 24000, Milestones: []int{18000, 22000}, DecayRate: 0.1, Warm: 100, WarmFactor: 0.001}
	small := s.ForBatch(16, 4)
	if got := fmt.Sprint(small.Rate, small.Total, small.Milestones, small.Warm); got != "0.005 96000 [72000 88000] 400" {
		t.Error(got)
	}
	if small.At(200) != s.At(50)/4 || !slices.Equal(s.Milestones, []int{18000, 22000}) {
		t.Error("the schedule of batch 4 differs in shape, or the one of 16 has changed")
	}
	if large := s.ForBatch(16, 1<<20); large.Total != 1 {
		t.Errorf("a huge batch trains for %d iterations, want at least 1", large.Total)
	}
}

// A milestone within the warm-up: the warm-up leads to the rate that holds at its end.
func TestIterationsWarmBeyondMilestone(t *testing.T) {
	s := Iterations{Rate: 1, Total: 10, Milestones: []int{2}, DecayRate: 0.5, Warm: 4, WarmFactor: 0}
	if s.At(2) != 0.25 || s.At(4) != 0.5 {
		t.Errorf("rates %v, %v, want 0.25, 0.5", s.At(2), s.At(4))
	}
}
