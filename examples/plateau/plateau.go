// Package plateau adds a hook from outside: it ends training when the loss stops
// falling. Its state is part of checkpoints, so a resumed run ends at the same epoch as
// an uninterrupted one.
package plateau

import (
	"math"

	"contralens/checkpoint"
	"contralens/train"
)

// state is stored in checkpoints.
type state struct {
	Best float64 `key:"best"` // lowest mean loss of an epoch
	Flat int     `key:"flat"` // epochs since then
}

// Hooks returns hooks that end training, with everything saved, after the given number
// of consecutive epochs without a new lowest mean loss.
func Hooks(epochs int) []train.Hook {
	s := state{Best: math.MaxFloat64}
	watch := train.Hook{
		Name: "plateau", Order: train.Monitor, // before the epoch's checkpoint, which stores the state
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
