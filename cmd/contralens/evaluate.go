package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"contralens/eval/protocol"
	"contralens/rundir"
)

// evaluation is what a command that trains a classifier gives to a protocol: notes go
// to stderr, lines to stdout, or with --json to stderr beside the results, and from
// Begin on the first signal ends the context, after which everything is saved.
func evaluation(set map[string]bool, asJSON bool) (ctx context.Context, o protocol.Options, done func()) {
	s := newStopping(printNote)
	o = protocol.Options{
		Set: set, Reporter: reporter(os.Stdout), Tuner: tuner(false, nil), Begin: func() { s.Begin(); s.Listen() },
	}
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
