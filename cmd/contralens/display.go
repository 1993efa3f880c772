package main

import (
	"fmt"
	"os"

	"golang.org/x/term"

	"contralens/config"
	"contralens/internal/humanize"
	"contralens/setup"
)

// printNote prints a note for the user on stderr.
func printNote(s string) { fmt.Fprintln(os.Stderr, "note:", humanize.Lines(s)) }

// printNotes prints several notes.
func printNotes(all []string) {
	for _, s := range all {
		printNote(s)
	}
}

// announce prints on which device the options compute, and then notes about them. Call it
// inside setup.Compute.
func announce(m config.Machine, notes []string) {
	if line := setup.DeviceLine(m); line != "" {
		printNote(line)
	}
	printNotes(notes)
}

// display shows on a terminal what the program is doing, in a line that replaces the last
// one. "" clears the line.
func display(what string) {
	if term.IsTerminal(int(os.Stderr.Fd())) {
		fmt.Fprintf(os.Stderr, "\r\033[K%s", what)
	}
}

// displayLine prints a line on stderr that stays.
func displayLine(format string, args ...any) {
	display("")
	fmt.Fprintln(os.Stderr, humanize.Lines(fmt.Sprintf(format, args...)))
}

// featureProgress returns a function that shows on a terminal how many features are
// computed, or nil without a terminal.
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
