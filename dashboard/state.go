package dashboard

import (
	"fmt"
	"time"
)

// State is the state of a run, as far as its files reveal it.
type State string

// States of runs.
const (
	Running  State = "running"
	Finished State = "finished"
	Stopped  State = "stopped" // on request; its state is saved
	Failed   State = "failed"  // its log ends with an error
	Died     State = "died"
	Ended    State = "ended" // no longer written; it is unknown whether it was complete
	Unread   State = "unreadable"
)

// signs is what a run's files reveal about its state.
type signs struct {
	Planned     int           // epochs; 0 if unknown
	Before      int           // epochs that were planned before --stop auto ended the training; 0: it did not
	Complete    int           // epochs
	Written     time.Time     // time of the last record
	Failure     string        // the error that ends the log; empty without one
	Interrupted time.Time     // time at which interrupted.pth was saved; zero without one
	Classifier  bool          // trains from labels, which leaves a result but no metrics.jsonl
	Evaluated   bool          // there is a result
	Tested      bool          // a detector, tested after its last iteration
	Interval    time.Duration // usual time between two lines of metrics.jsonl
}

// patience is how long a run may be silent before it counts as ended. It is long enough
// for an evaluation between epochs.
func (s signs) patience() time.Duration {
	return min(max(90*time.Second, 10*s.Interval), 15*time.Minute)
}

// state determines the state of the run, and gives the reason.
func (s signs) state(now time.Time) (State, string) {
	clock := func(t time.Time) string {
		if now.Sub(t) > 20*time.Hour {
			return t.Format("2 Jan 15:04")
		}
		return t.Format("15:04:05")
	}
	switch silent := now.Sub(s.Written); {
	case s.Failure != "":
		return Failed, s.Failure
	case s.Classifier && s.Evaluated, s.Tested:
		return Finished, "its result is in results.jsonl"
	case s.Classifier && silent >= s.patience():
		return Ended, fmt.Sprintf("nothing has been written since %s and there is no result; it may still be in an epoch",
			clock(s.Written))
	case s.Planned > 0 && s.Complete >= s.Planned && s.Before > s.Planned:
		return Finished, fmt.Sprintf("--stop auto ended it after epoch %d of %d: its features had settled",
			s.Complete, s.Before)
	case s.Planned > 0 && s.Complete >= s.Planned:
		return Finished, fmt.Sprintf("epoch %d of %d is complete", s.Complete, s.Planned)
	case !s.Interrupted.IsZero() && s.Written.Sub(s.Interrupted) < 5*time.Second:
		return Stopped, fmt.Sprintf("interrupted.pth was saved at %s; --resume auto resumes from it", clock(s.Interrupted))
	case s.Written.IsZero():
		return Ended, "nothing has been recorded yet"
	case silent < s.patience():
		return Running, "its files are being written"
	case s.Planned > 0:
		return Died, fmt.Sprintf("nothing has been written since %s, %d of %d epochs are complete and there is no "+
			"interrupted.pth", clock(s.Written), s.Complete, s.Planned)
	default:
		return Ended, fmt.Sprintf("nothing has been written since %s; how many epochs were planned is not recorded",
			clock(s.Written))
	}
}
