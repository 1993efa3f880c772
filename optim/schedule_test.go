package optim

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"contralens/internal/golden"
	"contralens/internal/numeric"
)

// A warm-up in steps ends at the rate, and the cosine then covers the rest: of 40 steps in all,
// step 10 has the whole rate and step 25, in the middle of the rest, the mean of both ends.
func TestWarmSteps(t *testing.T) {
	s := Schedule{Rate: 0.2, Epochs: 4, Cosine: true, DecayRate: 0.1, WarmSteps: 10}
	at := func(step int) float64 { return s.At(step/10+1, step%10, 10) }
	for step, want := range map[int]float64{0: 0.02, 4: 0.1, 9: 0.2, 10: 0.2, 25: (0.2 + 0.0002) / 2} {
		numeric.Near(t, strconv.Itoa(step), at(step), want, 1e-12)
	}
	s.Cosine, s.Milestones = false, []int{2}
	for step, want := range map[int]float64{9: 0.2, 19: 0.2, 20: 0.02} {
		numeric.Near(t, "by milestones "+strconv.Itoa(step), at(step), want, 1e-12)
	}
}

func TestScheduleGolden(t *testing.T) {
	var cases []struct {
		Program   string
		Flags     string
		Warm      bool
		Epochs    []float64            `json:"epoch_lr"`
		Batches   map[string][]float64 `json:"iteration_lr"`
		WarmFrom  float64              `json:"warmup_from"`
		WarmEpoch int                  `json:"warm_epochs"`
	}
	golden.JSON(t, &cases, "schedule", "lr.json")
	for _, tc := range cases {
		t.Run(tc.Flags, func(t *testing.T) {
			s := Schedule{Rate: 0.03, Epochs: len(tc.Epochs), DecayRate: 0.1, Milestones: []int{120, 160}}
			if tc.Program == "main_linear" {
				s.Rate, s.Milestones = 30, []int{60, 80}
			}
			flags := strings.Fields(tc.Flags)
			for i, f := range flags {
				switch f {
				case "--cosine":
					s.Cosine = true
				case "--learning_rate":
					s.Rate = parseNumber(t, flags[i+1])
				case "--lr_decay_rate":
					s.DecayRate = parseNumber(t, flags[i+1])
				case "--lr_decay_epochs":
					s.Milestones = nil
					for _, m := range strings.Split(flags[i+1], ",") {
						s.Milestones = append(s.Milestones, int(parseNumber(t, m)))
					}
				}
			}
			near := func(what string, got, want float64) {
				if math.Abs(got-want) > 1e-12*math.Abs(want) {
					t.Errorf("%s: got %v, want %v", what, got, want)
				}
			}
			for e, want := range tc.Epochs {
				near("epoch "+strconv.Itoa(e+1), s.Epoch(e+1), want)
			}
			s = s.Warmed(tc.Warm)
			if tc.Warm && (s.WarmEpochs != tc.WarmEpoch || s.WarmFrom != tc.WarmFrom) {
				t.Errorf("warm-up from %v over %d epochs, want %v over %d", s.WarmFrom, s.WarmEpochs, tc.WarmFrom, tc.WarmEpoch)
			}
			for epoch, rates := range tc.Batches {
				for b, want := range rates {
					near("epoch "+epoch+" batch "+strconv.Itoa(b), s.At(int(parseNumber(t, epoch)), b, len(rates)), want)
				}
			}
		})
	}
}

func parseNumber(t *testing.T, s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// By step, the cosine begins at the rate, passes half of it in the middle of the training,
// and ends near its least. By epoch, it has the same values at the ends of epochs.
func TestCosineByStep(t *testing.T) {
	s := Schedule{Rate: 0.06, Epochs: 4, Cosine: true, ByStep: true, DecayRate: 0.1}
	for _, c := range []struct {
		epoch, batch int
		want         float64
	}{{1, 0, 0.06}, {3, 0, 0.03003}, {4, 99, s.Epoch(4) + 1e-5}} {
		if got := s.At(c.epoch, c.batch, 100); math.Abs(got-c.want) > 1e-5 {
			t.Errorf("epoch %d batch %d: %v, want %v", c.epoch, c.batch, got, c.want)
		}
	}
	for e := 1; e < s.Epochs; e++ {
		if got, want := s.At(e+1, 0, 100), s.Epoch(e); math.Abs(got-want) > 1e-12 {
			t.Errorf("after epoch %d: %v, want %v", e, got, want)
		}
	}
	warm := s.Warmed(true)
	warm.Epochs = 20
	if before, after := warm.At(5, 100, 100), warm.At(6, 0, 100); math.Abs(before-after) > 1e-12 {
		t.Errorf("the warm-up ends at %v, and the cosine continues at %v", before, after)
	}
}
