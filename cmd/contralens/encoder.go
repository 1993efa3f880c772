package main

import (
	"fmt"
	"os"

	"golang.org/x/term"

	"contralens/config"
	"contralens/eval"
	"contralens/setup"
	"contralens/torch"
)

// judged is an encoder that is judged, and the file that it is from.
type judged struct {
	*setup.Encoder
	SHA256 string // of the checkpoint; empty: untrained
}

// encoder is the encoder of a checkpoint, or without one an untrained encoder.
func encoder(s *config.Shared, ckpt string, ema bool, set map[string]bool) (*judged, error) {
	if ckpt == "" {
		printNote("no --ckpt: the encoder is untrained")
		e, err := setup.UntrainedEncoder(*s)
		return &judged{Encoder: e}, err
	}
	e, notes, err := setup.LoadEncoder(ckpt, s, set, ema)
	if err != nil {
		return nil, err
	}
	for _, n := range notes {
		printNote(n)
	}
	sum, err := eval.SHA256(ckpt)
	return &judged{Encoder: e, SHA256: sum}, err
}

// result is a result about the encoder. options are those of the evaluation.
func (j *judged) result(protocol, dataset string, metrics map[string]any, seed uint64, options map[string]string) eval.Result {
	r := eval.NewResult(protocol, dataset, metrics, seed)
	r.Checkpoint, r.CheckpointSHA256, r.Epoch = j.Path, j.SHA256, j.Epoch
	r.Group = eval.Group(protocol, dataset, fmt.Sprint(j.Epoch), options, j.Config)
	return r
}

// compute does tensor work with that many compute threads; 0 is one a processor.
func compute(threads int, f func() error) error {
	if threads > 0 {
		torch.SetThreads(threads)
	}
	return torch.Run(f)
}

// printNote tells the user something beside the results.
func printNote(s string) { fmt.Fprintln(os.Stderr, "note:", s) }

// display shows on a terminal what is being done, in a line over the last one; ""
// clears it.
func display(what string) {
	if term.IsTerminal(int(os.Stderr.Fd())) {
		fmt.Fprintf(os.Stderr, "\r\033[K%s", what)
	}
}

// displayLine writes a line that stays beside the results.
func displayLine(format string, args ...any) {
	display("")
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}

// featureProgress shows on a terminal how far the computation of features is.
func featureProgress() func(done, total int) {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return nil
	}
	return func(done, total int) {
		fmt.Fprintf(os.Stderr, "\r\033[Kfeatures of %d of %d images", done, total)
		if done >= total {
			fmt.Fprint(os.Stderr, "\r\033[K")
		}
	}
}
