package main

import (
	"contralens/autotune"
	"contralens/internal/machine"
	"contralens/internal/version"
)

// watchLoad is machine.WatchLoad, unless a test replaces it.
var watchLoad = machine.WatchLoad

// tuner returns what measures the settings that the options leave open. It shows on a
// terminal what it measures, and prints notes.
func tuner(retune bool, print func(format string, args ...any)) *autotune.Tuner {
	return &autotune.Tuner{
		Cache: autotune.UserCache(version.Commit()), Retune: retune, Note: print, Show: display, Load: watchLoad,
	}
}
