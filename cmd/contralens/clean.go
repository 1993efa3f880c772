package main

import (
	"os"
	"os/signal"
	"sync"
)

// cleanOnSignal runs clean on the first signal and then ends the program. It is for work
// that has nothing to save. done restores the usual handling of signals.
func cleanOnSignal(clean func()) (done func()) {
	signals := stopSignals()
	var ending sync.Mutex
	go func() {
		s, ok := <-signals
		if !ok {
			return
		}
		ending.Lock() // never unlocked: work that fails because clean ran must not report an error
		clean()
		end := &signalError{s}
		displayLine("contralens: %v", end)
		os.Exit(end.code())
	}()
	return func() {
		ending.Lock()
		signal.Stop(signals)
		close(signals)
	}
}
