package main

import (
	"contralens/autotune"
	"contralens/internal/machine"
	"contralens/internal/version"
)

// watchLoad is machine.WatchLoad, unless a test replaces it.
var watchLoad = machine.WatchLoad

// tuner returns a Tuner, which measures the settings that the options leave open. It
// shows on a terminal what it measures, and passes notes to say.
func tuner(retune bool, say func(format string, args ...any)) *autotune.Tuner {
	return &autotune.Tuner{
		Cache: autotune.UserCache(version.Commit()), Retune: retune, Note: say, Show: display, Load: watchLoad,
	}
}
