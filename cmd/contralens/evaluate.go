package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"contralens/autotune"
	"contralens/config"
	"contralens/eval/protocol"
	"contralens/rundir"
	"contralens/views"
)

// evaluation is what a command that trains a classifier gives to a protocol: notes go
// to stderr, lines to stdout, or with --json to stderr beside the results, and from
// Begin on the first signal ends the context, after which everything is saved.
func evaluation(set map[string]bool, asJSON bool) (ctx context.Context, o protocol.Options, done func()) {
	s := newStopping(printNote)
	o = protocol.Options{Set: set, Reporter: reporter(os.Stdout), Tune: tune, Begin: func() { s.Begin(); s.Listen() }}
	if asJSON {
		o.Reporter = reporter(os.Stderr)
		o.Result = printJSON
	}
	return s.ctx, o, s.Close
}

// reporter shows what a protocol says, its lines on out.
func reporter(out io.Writer) protocol.Reporter {
	return protocol.Reporter{Note: printNote, Features: featureProgress(), Line: func(s string) { fmt.Fprintln(out, s) }}
}

func printJSON(r rundir.Result) error { return json.NewEncoder(os.Stdout).Encode(r) }

// tune settles by measurements how an encoder is trained.
func tune(s *config.Shared, w protocol.Workload) error {
	print := func(format string, args ...any) { printNote(fmt.Sprintf(format, args...)) }
	chosen, err := choose(s, w.Net, 1, print)
	if err != nil {
		return err
	}
	split, err := share(s, w.Asked, w.Net, 1, autotune.Images{Dataset: w.Images, Views: []views.Spec{w.View}, From: w.Folder}, print)
	for _, said := range []string{chosen, split} {
		if said != "" {
			printNote(said)
		}
	}
	return err
}
