// Package protocol evaluates encoders by the protocols of the field: nearest
// neighbors (KNN), a linear classifier on frozen features (Linear), fine-tuning
// (Finetune) and, to compare with, training from labels alone (Supervised). Predict
// applies the classifiers that they leave.
//
// Each is a function of its configuration, which Resolve has checked, and does its
// tensor work itself. What it finds comes back as a rundir.Result and is written to
// results.jsonl in the run directory; a Reporter hears of the progress. When the
// context ends, everything is saved, ErrStopped comes back, and the same call with
// Resume "auto" continues.
package protocol

import (
	"context"
	"errors"
	"fmt"

	"contralens/autotune"
	"contralens/rundir"
	"contralens/setup"
)

// ErrStopped ends a protocol whose context ended, after what it trained was saved.
var ErrStopped = errors.New("stopped")

// Options are what a protocol needs beside its configuration; the zero value is for
// programs that want the results alone.
type Options struct {
	// Set has the names of the options that were chosen on purpose. They win over what
	// the record of a checkpoint says of its encoder.
	Set map[string]bool
	// Begin, when set, is called when the run directory is made: from here on there is
	// something to save when the context ends.
	Begin func()
	// Tuner, when set, measures which precision and which split of the processors train
	// an encoder fastest, where the options leave that open. Without it they are fp32 and
	// one thread and one worker per processor. Its notes go to Note unless it has its own.
	Tuner *autotune.Tuner
	Reporter
}

// Reporter receives what a protocol says; functions that are nil are left out.
type Reporter struct {
	Note     func(string)              // a sentence beside the results; called from any goroutine
	Line     func(string)              // a line of progress or results; log.txt has it as well
	Features func(done, total int)     // images whose features are computed
	Result   func(rundir.Result) error // a result, as soon as it is written
}

func (r Reporter) note(format string, args ...any) {
	if r.Note != nil {
		r.Note(fmt.Sprintf(format, args...))
	}
}

func (r Reporter) line(s string) {
	if r.Line != nil {
		r.Line(s)
	}
}

func (r Reporter) result(result rundir.Result) error {
	if r.Result == nil {
		return nil
	}
	return r.Result(result)
}

// compute runs f, which does tensor work; its error is ErrStopped when ctx ended it.
func compute(ctx context.Context, threads int, f func() error) error {
	err := setup.Compute(threads, f)
	if stopped(ctx, err) {
		return ErrStopped
	}
	return err
}

// stopped reports whether err is the end of ctx.
func stopped(ctx context.Context, err error) bool {
	return err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err())
}
