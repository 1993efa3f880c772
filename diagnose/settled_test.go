package diagnose

import (
	"fmt"
	"testing"

	"contralens/features/spectrum"
	"contralens/scores/vitals"
)

// still is a sound training of five epochs whose features do not change.
func still() Case {
	c := sound()
	for e := 1; e <= 5; e++ {
		c.Spectra = append(c.Spectra, spectrum.Line{
			Epoch: e, Backbone: &spectrum.Space{Values: map[string]float64{spectrum.ChurnName: 0.01}},
			Head: &spectrum.Space{Values: map[string]float64{
				spectrum.RankMeName: 30, spectrum.AlignmentName: 0.4, spectrum.WassersteinName: 0.5, spectrum.AliveName: 1,
			}},
		})
	}
	return c
}

// A training whose features stand still has settled, unless it is diagnosed. What came later does not count.
func TestSettled(t *testing.T) {
	c := still()
	if why, faults, settled := c.Settled(5); !settled || why == "" || faults != nil {
		t.Errorf("sound: %v, %v, %q", settled, faults, why)
	}
	if _, _, settled := c.Upto(2).Settled(5); settled {
		t.Error("settled after two measurements")
	}
	last := c.Lines[len(c.Lines)-1]
	last.Epoch, last.Values = 5, map[string]float64{vitals.ViewFlat: 0.9}
	c.Lines = append(c.Lines, last)
	if why, faults, settled := c.Settled(5); settled || len(faults) != 1 || why == "" {
		t.Errorf("black views: %v, %v, %q", settled, faults, why)
	}
	if got := fmt.Sprint(c.Upto(4).Faults()); got != "[]" {
		t.Errorf("black views come after epoch 4, where it is diagnosed %s", got)
	}
	for _, l := range c.Spectra {
		l.Backbone.Values[spectrum.ChurnName] = 1
	}
	if _, faults, settled := c.Settled(5); settled || faults != nil {
		t.Errorf("features that change: %v, %v", settled, faults)
	}
}
