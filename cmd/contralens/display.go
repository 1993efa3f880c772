package main

import (
	"fmt"
	"os"

	"golang.org/x/term"
)

// printNote tells the user something beside the results.
func printNote(s string) { fmt.Fprintln(os.Stderr, "note:", s) }

// printNotes are several notes.
func printNotes(all []string) {
	for _, s := range all {
		printNote(s)
	}
}

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
