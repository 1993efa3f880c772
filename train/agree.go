package train

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"contralens/data"
	"contralens/methods"
)

// What a process asks of all others, in methods.Control.Stop.
const (
	askStop = iota + 1 // ErrStopped
	askDone            // ErrDone
	askFail
)

// checkEvery is the number of steps after which processes compare their weights.
const checkEvery = 100

// hooksOf calls one function of every hook at the border of an epoch, where the first process
// may take long, and agrees with the others on how it ended. Hooks whose work the processes share
// come after that.
func (r *Run) hooksOf(ctx context.Context, function func(Hook) func(*Run) error) error {
	if r.World.Alone() {
		return r.each(function)
	}
	var apart, together []Hook
	for _, h := range r.hooks() {
		switch {
		case !h.Together:
			apart = append(apart, h)
		case function(h) != nil:
			together = append(together, h)
		}
	}
	var end error
	err := r.alone(func() error {
		if end = r.eachOf(apart, function); ends(end) {
			return nil // the others hear of it when all agree
		}
		if end != nil {
			end = r.LastGood(end)
		}
		return end
	})
	err = r.agree(ctx, cmp.Or(err, end))
	switch {
	case len(together) == 0 || err != nil && !ends(err):
		return err
	case r.agreed == askStop:
		return ErrStopped // a run that resumes repeats what was left out
	}
	after := r.eachOf(together, function)
	if after != nil && !ends(after) {
		return r.agree(ctx, after)
	}
	return r.agree(ctx, endOf(err, after))
}

// alone runs f. The first process may take long for it, and the others wait for that.
func (r *Run) alone(f func() error) error {
	switch {
	case r.World.Alone() || r.peers.Alone == nil:
		return f()
	case r.World.First():
		return r.peers.Alone(f)
	}
	err := f()
	return cmp.Or(err, r.peers.Alone(func() error { return nil }))
}

// ended reports whether the training stops after this step, because ctx has ended. Several
// processes agree on it by what they tell each other in a step.
func (r *Run) ended(ctx context.Context) bool {
	if r.World.Alone() {
		return ctx.Err() != nil
	}
	return r.agreed != 0
}

// end is the error that the processes agreed on.
func (r *Run) end() error {
	if r.agreed == askDone {
		return ErrDone
	}
	return ErrStopped
}

// control is what this process tells the others in its next step.
func (r *Run) control(ctx context.Context, s Step) methods.Control {
	if r.World.Alone() {
		return methods.Control{}
	}
	c := methods.Control{
		Stop: r.asked, Wait: s.Wait, Compute: r.computed,
	}
	if c.Stop == 0 && ctx.Err() != nil {
		c.Stop = askStop
	}
	if r.checksDue(r.GlobalStep) {
		c.Checksum = r.Model.Checksum()
	}
	return c
}

// checksDue reports whether weights are compared before the step after step: before the first
// two, where mistakes show, and then now and then.
func (r *Run) checksDue(step int) bool { return step-r.began < 2 || step%checkEvery == 0 }

// hear takes what all processes told each other in a step.
func (r *Run) hear(s Step, ranks []methods.Control) error {
	for _, c := range ranks {
		r.agreed = max(r.agreed, c.Stop)
	}
	return r.compare(s.Step-1, ranks)
}

// countUnreadable returns an error if the processes together have met more unreadable images than the
// options allow. Each stops by itself at more than that of its own; an image that several have met,
// in different epochs, counts once. All call it after an epoch.
func (r *Run) countUnreadable() error {
	if r.World.Alone() {
		return nil
	}
	met := r.peers.Union(data.Unreadable(r.Train))
	r.unreadable = len(met)
	if most := data.Allowed(r.Config.MaxBad, r.Train.Len()); len(met) > most {
		return fmt.Errorf("epoch %d: %d of %d images cannot be read, by the processes together, but a share of %v allows "+
			"only %d: remove them or allow more; one is %s", r.Epoch, len(met), r.Train.Len(), r.Config.MaxBad, most,
			r.Train.Path(met[0]))
	}
	return nil
}

// compare finds the process whose weights after a step differ from those of most others.
func (r *Run) compare(step int, ranks []methods.Control) error {
	count := map[uint64]int{}
	for _, c := range ranks {
		if c.Checksum != 0 {
			count[c.Checksum]++
		}
	}
	if len(count) < 2 {
		if len(count) == 1 {
			r.compared = step
		}
		return nil
	}
	best := ranks[0].Checksum
	for _, c := range ranks {
		if count[c.Checksum] > count[best] {
			best = c.Checksum
		}
	}
	var differ []string
	for rank, c := range ranks {
		if c.Checksum != best {
			differ = append(differ, r.peers.Name(rank))
		}
	}
	return &drifted{strings.Join(differ, ", "), r.compared, step}
}

// drifted is the error of processes whose weights are not those of the others.
type drifted struct {
	ranks     string
	from, end int // the steps between which it happened
}

func (d *drifted) Error() string {
	return fmt.Sprintf("weights of %s differ from those of the others since between step %d and %d: nothing is saved",
		d.ranks, d.from, d.end)
}

// agree returns how the hooks of all processes ended, of which err is that of this one. An
// ErrStopped or ErrDone of one is that of all, and so is the end of ctx. Of a failure the others
// get the text.
func (r *Run) agree(ctx context.Context, err error) error {
	if r.World.Alone() {
		return err
	}
	ask := r.asked
	switch {
	case errors.Is(err, ErrDone):
		ask = max(ask, askDone)
	case errors.Is(err, ErrStopped), err == nil && ctx.Err() != nil:
		ask = max(ask, askStop)
	case err != nil:
		ask = askFail
	}
	text := ""
	if ask == askFail {
		text = err.Error()
	}
	rank, most, said := r.peers.Loudest(ask, text)
	switch {
	case ask == askFail:
		return err
	case most == askFail:
		return fmt.Errorf("%s: %s", r.peers.Name(rank), said)
	case most == askDone:
		return ErrDone
	case most == askStop:
		r.agreed = askStop
	}
	return err
}

// ask turns an end that a hook of this process wants into a question to the others, which all
// answer in the next step.
func (r *Run) ask(err error) error {
	if r.World.Alone() || err == nil || !ends(err) {
		return err
	}
	r.asked = max(r.asked, askStop)
	if errors.Is(err, ErrDone) {
		r.asked = askDone
	}
	return nil
}
