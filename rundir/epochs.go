package rundir

import (
	"slices"

	"contralens/scores/record"
)

// Epoch is an epoch of a run and its first recorded step.
type Epoch struct{ Number, Step int }

// Epochs returns the epochs of a record from its series epoch, in their order, exact to
// the step however long the record is. There are none without that series.
func Epochs(c Curves) ([]Epoch, error) {
	if !slices.Contains(c.Series(), "epoch") {
		return nil, nil
	}
	first, last := c.Range()
	bins, err := c.Curve("epoch", first, last, 1<<16)
	if err != nil {
		return nil, err
	}
	var epochs []Epoch
	for i, b := range bins {
		steps := []record.Bin{b}
		if b.Min < b.Max { // of several steps: an epoch begins within it
			end := last
			if i+1 < len(bins) {
				end = bins[i+1].Step - 1
			}
			if steps, err = c.Curve("epoch", b.Step, end, end-b.Step+1); err != nil {
				return nil, err
			}
		}
		for _, s := range steps {
			if n := len(epochs); n == 0 || int(s.Max) > epochs[n-1].Number {
				epochs = append(epochs, Epoch{Number: int(s.Max), Step: s.Step})
			}
		}
	}
	return epochs, nil
}
