package demo

import (
	"slices"
	"time"

	"contralens/train"
)

// clock watches the time of a training: it knows what is left of the demo, and makes the
// training shorter if the machine became too slow for the plan.
type clock struct {
	end       time.Time // of the last training
	following int       // trainings after this one, of the same length
	fixed     bool      // the number of epochs must not change
	print     func(format string, args ...any)
	shortened func(epochs int) error // keeps the new length

	opened     time.Time
	begin      time.Time     // of the first step
	ends       []time.Time   // of epochs
	first      int           // epochs that were done before
	evaluation time.Duration // of the untrained network, with all that comes before the first step
	epochs     int           // the length of the training
}

// Hook returns the hook of the training. It comes before the lines of Progress.
func (k *clock) Hook() train.Hook {
	return train.Hook{
		Order: train.Display - 1,
		Start: func(r *train.Run) error {
			k.opened, k.first, k.epochs = time.Now(), r.Epoch-1, r.Config.Epochs
			return nil
		},
		Step: func(_ *train.Run, s train.Step) error {
			if k.begin.IsZero() {
				k.begin = time.Now().Add(-s.Wait - s.Compute)
				k.evaluation = k.begin.Sub(k.opened)
			}
			return nil
		},
		Epoch: func(r *train.Run) error {
			fewer := k.epoch(r.Epoch, time.Now())
			if fewer == r.Config.Epochs {
				return nil
			}
			if err := k.shortened(fewer); err != nil {
				return err
			}
			return r.Shorten(fewer)
		},
	}
}

// epoch takes the end of an epoch, and returns how many the training shall have. It goes by the
// last three epochs, so that one that was disturbed does not count.
func (k *clock) epoch(done int, now time.Time) int {
	k.ends = append(k.ends, now)
	each, known := k.usual()
	if !known {
		return k.epochs
	}
	fits := k.pace(each).fits(done, k.epochs, k.end.Sub(now))
	if fits < k.epochs && !k.fixed {
		k.print("note: epochs take %s, longer than measured: %d of them instead of %d",
			each.Round(100*time.Millisecond), fits, k.epochs)
		k.epochs = fits
	}
	return k.epochs
}

// usual returns the median of the last three epochs, or the shorter of two.
func (k *clock) usual() (epoch time.Duration, known bool) {
	ends := append([]time.Time{k.begin}, k.ends...)
	ends = ends[max(0, len(ends)-4):]
	var took []time.Duration
	for i := range len(ends) - 1 {
		took = append(took, ends[i+1].Sub(ends[i]))
	}
	slices.Sort(took)
	if len(took) < 2 {
		return 0, false
	}
	return took[(len(took)-1)/2], true
}

// left returns the time left of the demo; training is that of this training's steps.
func (k *clock) left(r *train.Run, training time.Duration) time.Duration {
	steps := r.GlobalStep - k.first*r.Batches
	each := time.Since(k.begin) * time.Duration(r.Batches) / time.Duration(max(1, steps))
	return training + k.pace(each).left(k.epochs, k.epochs)
}

func (k *clock) pace(epoch time.Duration) pace { return pace{epoch, k.evaluation, k.following} }

// pace is the speed of a training.
type pace struct {
	epoch, evaluation time.Duration
	following         int // trainings that follow, of the same length
}

// left is the time until the last training ends, after some of the epochs.
func (p pace) left(done, epochs int) time.Duration {
	all := time.Duration(p.following*epochs + epochs - done)
	return all*p.epoch + time.Duration(1+evaluations/trainings*p.following)*p.evaluation
}

// fits returns how many epochs trainings may have so that all end within the time left: those
// planned, or fewer, but not fewer than are done.
func (p pace) fits(done, planned int, left time.Duration) int {
	for planned > done && p.left(done, planned) > left {
		planned--
	}
	return planned
}
