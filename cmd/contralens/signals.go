package main

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
)

// stopping listens to the signals that stop a program.
type stopping struct {
	ctx     context.Context // ends with the first of them
	begun   atomic.Bool
	signals chan os.Signal
	cancel  context.CancelCauseFunc
}

// stopSignals are Ctrl-C, SIGTERM, and SIGHUP, which a closing terminal sends.
func stopSignals() chan os.Signal {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // nohup has it ignored
		signal.Notify(signals, syscall.SIGHUP)
	}
	return signals
}

// listen begins to listen. Until Begin the first signal ends the program with
// exitStopped, since nothing has been done that could be lost; afterwards it
// ends ctx, and the second one ends the program at once. say tells the user.
func listen(say func(string)) *stopping {
	s := &stopping{signals: stopSignals()}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	// Of `contralens … | tee log` Ctrl-C ends tee as well: what is printed to it
	// then must not end the program before it has saved.
	signal.Ignore(syscall.SIGPIPE)
	go func() {
		first, ok := <-s.signals
		if !ok {
			return
		}
		if !s.begun.Load() {
			say("stopped before training began: nothing was changed")
			os.Exit(exitStopped)
		}
		say("stopping after this step; once more stops at once, without saving")
		s.cancel(&abandoned{first})
		if _, ok := <-s.signals; ok {
			os.Exit(exitFailed)
		}
	}()
	return s
}

// Begin says that from now on there is something to save.
func (s *stopping) Begin() { s.begun.Store(true) }

// Close stops listening.
func (s *stopping) Close() {
	signal.Stop(s.signals)
	signal.Reset(syscall.SIGPIPE)
	close(s.signals)
	s.cancel(nil)
}

// abandoned is the end of work that a signal stopped and that keeps nothing. It is the
// cause of a context that a signal ended.
type abandoned struct{ signal os.Signal }

func (*abandoned) Error() string { return "stopped without a result" }

// code is the exit code, as shells have it.
func (a *abandoned) code() int { return exitSignal + int(a.signal.(syscall.Signal)) }

// interruptible is a context that the first Ctrl-C or SIGTERM ends; the second
// stops the program at once.
func interruptible(say func(string)) (context.Context, func()) {
	s := listen(say)
	s.Begin()
	return s.ctx, s.Close
}

// abandonable is for work that keeps nothing, until done: the first signal ends the
// program at once, as one that nobody listens to does, but after clean.
func abandonable(clean func()) (done func()) {
	signals := stopSignals()
	var ending sync.Mutex
	go func() {
		s, ok := <-signals
		if !ok {
			return
		}
		ending.Lock() // for good: what clean breaks is not the program's last word
		clean()
		end := &abandoned{s}
		displayLine("contralens: %v", end)
		os.Exit(end.code())
	}()
	return func() {
		ending.Lock()
		signal.Stop(signals)
		close(signals)
	}
}
