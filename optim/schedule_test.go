package optim

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"contralens/internal/golden"
)

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
