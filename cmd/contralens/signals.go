package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// stopping is a context that the first signal ends.
type stopping struct {
	ctx     context.Context
	cancel  context.CancelCauseFunc
	say     func(string) // tells the user
	begun   atomic.Bool
	early   atomic.Pointer[func(error)] // tells the other processes, before Begin
	signals chan os.Signal              // nil until Listen is called
}

// newStopping returns a context that no signal ends until Listen is called. say prints a
// message for the user.
func newStopping(say func(string)) *stopping {
	s := &stopping{say: say}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	return s
}

// stopSignals returns a channel that receives Ctrl-C, SIGTERM, and SIGHUP, which a closing
// terminal sends.
func stopSignals() chan os.Signal {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // nohup ignores it
		signal.Notify(signals, syscall.SIGHUP)
	}
	return signals
}

// sameStop is the time after the first signal within which others belong to the same
// request: the command timeout signals the program and then its process group. Two Ctrl-C of
// a person are further apart.
const sameStop = 200 * time.Millisecond

// Listen starts to listen for signals. Before Begin, the first signal ends the program with
// exitStopped, because nothing can be lost yet; other processes hear of it. After Begin, the first one
// ends ctx, and one that comes later than sameStop ends the program at once.
// It may be called again.
func (s *stopping) Listen() {
	if s.signals != nil {
		return
	}
	s.signals = stopSignals()
	// In `contralens … | tee log`, Ctrl-C ends tee as well. Printing to the closed pipe must
	// not end this program before it has saved.
	signal.Ignore(syscall.SIGPIPE)
	go s.watch(s.signals)
}

// watch acts on signals until the channel is closed.
func (s *stopping) watch(signals chan os.Signal) {
	first, ok := <-signals
	if !ok {
		return
	}
	if !s.begun.Load() {
		s.say("stopped before training began: nothing was changed")
		if tell := s.early.Load(); tell != nil {
			(*tell)(errors.New("a signal stopped it before training began"))
		}
		os.Exit(exitStopped)
	}
	s.say("stopping after this step; a second signal stops at once, without saving")
	s.cancel(&signalError{first})
	asked := time.Now()
	for range signals {
		if time.Since(asked) < sameStop {
			continue
		}
		s.say("stopped at once, without saving")
		os.Exit(exitFailed)
	}
}

// Met gives a function that tells other processes why this one ends, if a signal ends it before Begin.
func (s *stopping) Met(tell func(error)) { s.early.Store(&tell) }

// Begin marks the moment from which there is something to save.
func (s *stopping) Begin() { s.begun.Store(true) }

// Close stops listening. It may be called again.
func (s *stopping) Close() {
	if s.signals != nil {
		signal.Stop(s.signals)
		signal.Reset(syscall.SIGPIPE)
		close(s.signals)
		s.signals = nil
	}
	s.cancel(nil)
}

// signalError reports a signal that stopped work without a result. It is the cause of a
// context that a signal ended.
type signalError struct{ signal os.Signal }

func (*signalError) Error() string { return "stopped without a result" }

// code returns the exit code that shells use: 128 plus the signal's number.
func (e *signalError) code() int { return exitSignal + int(e.signal.(syscall.Signal)) }

// interruptible returns a context that the first signal ends. One that comes later than sameStop
// ends the program at once.
func interruptible(say func(string)) (context.Context, func()) {
	s := newStopping(say)
	s.Begin()
	s.Listen()
	return s.ctx, s.Close
}
