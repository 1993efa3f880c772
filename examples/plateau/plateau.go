// Package plateau adds a hook from outside: it ends a training whose loss no longer
// falls. Its state is part of checkpoints, so a resumed run ends where the other would.
package plateau

import (
	"math"

	"contralens/checkpoint"
	"contralens/train"
)

// state is what a checkpoint keeps.
type state struct {
	Best float64 `key:"best"` // the lowest mean loss of an epoch
	Flat int     `key:"flat"` // epochs since
}

// Hooks end the training, with everything saved, after so many epochs in a row whose
// mean loss is not below the lowest one before.
func Hooks(epochs int) []train.Hook {
	s := state{Best: math.MaxFloat64}
	watch := train.Hook{
		Name: "plateau", Order: train.Monitor, // before the epoch's checkpoint, which keeps the state
		Epoch: func(r *train.Run) error {
			loss, _ := r.Meter.Means()
			if s.Flat++; loss < s.Best {
				s = state{Best: loss}
			}
			return nil
		},
		State: func() any { return s },
		Load:  func(d checkpoint.Dict) { d.Decode(&s) },
	}
	stop := train.Hook{
		Order: train.Evaluate, // after the checkpoint
		Epoch: func(*train.Run) error {
			if s.Flat >= epochs {
				return train.ErrDone
			}
			return nil
		},
	}
	return []train.Hook{watch, stop}
}
