// Package protocol trains, tests and applies detectors as functions of a configuration, on
// which Resolve has been called. Each calls torch.Run itself.
package protocol

import (
	"fmt"

	detectors "contralens/detect/train"
	"contralens/dist"
	"contralens/train"
)

// ErrStopped is the error of a function whose context ended, after its state was saved.
var ErrStopped = train.ErrStopped

// Options are what the functions need besides their configuration. The zero value suffices for
// programs that only want the results.
type Options struct {
	// Set has the names of the options that the user chose. They override what a checkpoint
	// says about its network.
	Set map[string]bool
	// Progress shows lines and the work that goes on, and writes the log of a training. The
	// caller closes it. Without it, lines go to the log alone.
	Progress *train.Progress
	// Note receives sentences besides the results; nil: they are lines.
	Note func(string)
	// Begin, if set, is called when the run directory is made. From then on, there is a state
	// to save if the context ends.
	Begin func()
	// Met, if set, is called when several processes have met, with a function that tells the others
	// why this one ends. It may be called from any goroutine, until Begin is.
	Met func(tell func(error))
	// Hooks hang on the loop of a training, after those of the run.
	Hooks []detectors.Hook
	// Notes are sentences about the configuration.
	Notes []string
	// Command is the command line that run.json records.
	Command []string
	// Launch says which process of how many this is; the zero value is for one alone. Of several,
	// each computes its share of every batch, and the first alone tests and writes. Timing says how
	// long they wait for each other.
	Launch dist.Launch
	Timing dist.Timing
	// Double trains in float64, so that tests can tell rounding from mistakes.
	Double bool
	// Series says which of several trainings this is; the zero value is for a single one.
	Series Series
}

// Series is what lines say about a training that is one of several.
type Series = detectors.Series

// complete sets what the caller left out.
func (o *Options) complete() (done func()) {
	done = func() {}
	if o.Progress == nil {
		o.Progress = &train.Progress{}
		done = o.Progress.Close
	}
	if o.Note == nil {
		o.Note = func(s string) { o.Progress.Print("note: %s", s) }
	}
	return done
}

func (o *Options) note(format string, args ...any) { o.Note(fmt.Sprintf(format, args...)) }
