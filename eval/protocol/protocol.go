// Package protocol evaluates encoders by the protocols of the field: nearest neighbors
// (KNN), a linear classifier on frozen features (Linear), fine-tuning (Finetune) and,
// for comparison, training from labels alone (Supervised). Predict applies the
// classifiers that they train.
//
// Each protocol is a function of its configuration, on which Resolve has been called. It
// calls torch.Run itself. An evaluation returns its results, writes them to results.jsonl
// in the run directory, if there is one, and reports progress to a Reporter. If the
// context ends, a protocol returns ErrStopped. One that trains saves its state first; the
// same call with Resume "auto" then resumes.
package protocol

import (
	"context"
	"errors"
	"fmt"

	"contralens/autotune"
	"contralens/config"
	"contralens/dist"
	"contralens/rundir"
	"contralens/setup"
)

// ErrStopped is the error of a protocol whose context ended, after its state was saved.
var ErrStopped = errors.New("stopped")

// Options are what a protocol needs besides its configuration. The zero value suffices
// for programs that only want the results.
type Options struct {
	// Set has the names of the options that the user chose. They override the record of
	// an encoder's checkpoint.
	Set map[string]bool
	// Begin, if set, is called when the run directory is made. From then on, there is a
	// state to save if the context ends.
	Begin func()
	// Met, if set, is called when several processes have met, with a function that tells the others
	// why this one ends. It may be called from any goroutine, until Begin is.
	Met func(tell func(error))
	// Tuner, if set, measures which precision and which split of the processors train
	// an encoder fastest, if the options leave them open. Without it, they are fp32 and
	// one thread and one worker per processor. Of several processes the first measures the
	// precision for all, and they share the processors evenly. Its notes go to Note, unless it has its
	// own.
	Tuner *autotune.Tuner
	// Launch says which process of how many this is, and where they meet; Timing, how long they
	// wait for each other. The zero value of Launch is an evaluation in one process. Of several, all
	// but the first report and write nothing, and may return results without metrics.
	Launch dist.Launch
	Timing dist.Timing
	// Notes are sentences about the configuration. They are said after the device.
	Notes []string
	Reporter

	company *company // of a protocol that runs
}

// Reporter receives the messages of a protocol. Each of its functions may be nil.
type Reporter struct {
	Note     func(string)              // a sentence besides the results; called from any goroutine
	Line     func(string)              // a line of progress or results, as in log.txt
	Features func(done, total int)     // progress of the feature extraction, in images
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

// compute runs f, which computes with tensors on the machine m, after it said on which device.
// Its error is ErrStopped if ctx has ended. The network and the batch are for the error of a
// GPU whose memory is not enough; f may set the network. Several processes meet first, f may join
// them, and gets a context that one of them can end.
func compute(
	ctx context.Context, o *Options, m *config.Machine, n *config.Net, batch int, f func(context.Context) error,
) error {
	if err := setup.ShareMachine(m, o.Launch); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	o.company = &company{stop: stop}
	if !o.Launch.World().First() {
		o.Reporter = Reporter{} // the first process speaks for all
	}
	if err := o.meetOthers(ctx); err != nil {
		return err
	}
	err := setup.Compute(m.Threads, func() error {
		if line := setup.DeviceLine(*m); line != "" {
			o.note("%s", line)
		}
		for _, said := range o.Notes {
			o.note("%s", said)
		}
		return f(ctx)
	})
	err = setup.Explain(err, setup.Load{Machine: *m, Arch: n.Arch, Batch: batch})
	if stopped(ctx, err) {
		err = ErrStopped
	}
	return o.leave(err)
}

// stopped reports whether err is the error of ctx.
func stopped(ctx context.Context, err error) bool {
	return err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err())
}
