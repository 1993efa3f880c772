package dashboard

import (
	"fmt"
	"time"
)

// State is what a run is doing, as far as its files tell.
type State string

// States of runs.
const (
	Running  State = "running"
	Finished State = "finished"
	Stopped  State = "stopped" // on request, with everything saved
	Died     State = "died"
	Ended    State = "ended" // not written any more; whether it was complete is not known
	Unread   State = "unreadable"
)

// signs are what a run's files tell about its state.
type signs struct {
	Planned     int           // epochs; 0: not known
	Complete    int           // epochs
	Written     time.Time     // when something was last recorded
	Interrupted time.Time     // when interrupted.pth was saved; zero: there is none
	Classifier  bool          // it trains from labels, which leaves a result but no metrics.jsonl
	Evaluated   bool          // a result is there
	Interval    time.Duration // usual time between two lines of metrics.jsonl
}

// patience is how long a run may be silent before it counts as ended: long
// enough for an evaluation between epochs.
func (s signs) patience() time.Duration {
	return min(max(90*time.Second, 10*s.Interval), 15*time.Minute)
}

// state concludes what the run does, and says from what.
func (s signs) state(now time.Time) (State, string) {
	clock := func(t time.Time) string {
		if now.Sub(t) > 20*time.Hour {
			return t.Format("2 Jan 15:04")
		}
		return t.Format("15:04:05")
	}
	switch silent := now.Sub(s.Written); {
	case s.Classifier && s.Evaluated:
		return Finished, "its result is in results.jsonl"
	case s.Classifier && silent >= s.patience():
		return Ended, fmt.Sprintf("nothing was written since %s and there is no result; it may still be at an epoch",
			clock(s.Written))
	case s.Planned > 0 && s.Complete >= s.Planned:
		return Finished, fmt.Sprintf("epoch %d of %d is complete", s.Complete, s.Planned)
	case !s.Interrupted.IsZero() && s.Written.Sub(s.Interrupted) < 5*time.Second:
		return Stopped, fmt.Sprintf("interrupted.pth was saved at %s; --resume auto continues from it", clock(s.Interrupted))
	case s.Written.IsZero():
		return Ended, "nothing is recorded yet"
	case silent < s.patience():
		return Running, "its files are being written"
	case s.Planned > 0:
		return Died, fmt.Sprintf("nothing was written since %s, %d of %d epochs are complete and there is no "+
			"interrupted.pth", clock(s.Written), s.Complete, s.Planned)
	default:
		return Ended, fmt.Sprintf("nothing was written since %s; how many epochs were planned is not recorded",
			clock(s.Written))
	}
}
