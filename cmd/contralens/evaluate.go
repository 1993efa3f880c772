package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"contralens/cmd/internal/cli"
	"contralens/eval/protocol"
	"contralens/rundir"
)

// evaluation returns the context and the options for a protocol that trains a classifier or writes a file.
// p says which process of how many this is. Notes go to stderr; lines go to stdout, or to
// stderr with --json. After Begin the first signal ends the context, and the protocol saves
// everything.
func evaluation(
	set map[string]bool, notes []string, asJSON bool, p started,
) (ctx context.Context, o protocol.Options, done func()) {
	notes = append(notes, p.launch.Notes...)
	s := newStopping(printNote)
	o = protocol.Options{
		Set: set, Notes: notes, Reporter: reporter(cli.Out), Tuner: tuner(false, nil),
		Begin: func() { s.Begin(); s.Listen() }, Met: func(tell func(error)) { s.Met(tell); s.Listen() },
		Launch: p.launch, Timing: p.timing,
	}
	if asJSON {
		o.Reporter = reporter(os.Stderr)
		o.Result = printJSON
	}
	return s.ctx, o, s.Close
}

// reporter prints what a protocol reports, its lines on out.
func reporter(out io.Writer) protocol.Reporter {
	return protocol.Reporter{Note: printNote, Features: featureProgress(), Line: func(s string) { fmt.Fprintln(out, s) }}
}

func printJSON(r rundir.Result) error { return json.NewEncoder(cli.Out).Encode(r) }
