package profile

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"contralens/methods"
	"contralens/train"
)

// ErrDone ends a run after its steps have been measured.
var ErrDone = errors.New("measured")

// Steps records the times of a run's steps.
type Steps struct {
	// Enough, unless nil, makes a step the last one, even of the warm-up, by returning true.
	Enough func() bool

	// Lag is how many readings the clock is behind; see methods.Clock.
	Lag int

	warmup, count int
	show          func(what string)
	done          int // number of steps, warmup included
	times         []methods.Times
	last          methods.Times
}

// NewSteps measures count steps after warmup steps. show receives the number of the
// current one.
func NewSteps(warmup, count int, show func(what string)) *Steps {
	return &Steps{warmup: warmup, count: count, show: show}
}

// Hook returns a hook that measures a run and ends it with ErrDone. It must come after
// all other hooks.
func (s *Steps) Hook() train.Hook {
	return train.Hook{
		Start: func(r *train.Run) error { s.Begin(r.Model.Clock.Times()); return nil },
		Step:  func(r *train.Run, _ train.Step) error { return s.Add(r.Model.Clock.Times()) },
	}
}

// Begin starts a step. now is the current reading of the clock.
func (s *Steps) Begin(now methods.Times) {
	s.last = now
	s.show(s.running())
}

// Add ends a step and starts the next one. It returns ErrDone after the last one. A step
// that ends the measurement early counts in any case.
func (s *Steps) Add(now methods.Times) error {
	s.done++
	enough := s.Enough != nil && s.done > s.Lag && s.Enough()
	if s.done > s.warmup+s.Lag || enough {
		s.times = append(s.times, now.Sub(s.last))
	}
	if len(s.times) == s.count || enough {
		return ErrDone
	}
	s.Begin(now)
	return nil
}

// running describes the current step.
func (s *Steps) running() string {
	if warmup := s.warmup + s.Lag; s.done < warmup {
		return fmt.Sprintf("warming up: step %d of %d", s.done+1, warmup)
	}
	return fmt.Sprintf("measuring: step %d of %d", s.done-s.warmup-s.Lag+1, s.count)
}

// Median returns the median of each phase, and of the steps' totals.
func (s *Steps) Median() (phases methods.Times, total time.Duration) {
	for p := range phases {
		phases[p] = s.median(func(t methods.Times) time.Duration { return t[p] })
	}
	return phases, s.median(methods.Times.Total)
}

func (s *Steps) median(of func(methods.Times) time.Duration) time.Duration {
	var all []time.Duration
	for _, t := range s.times {
		all = append(all, of(t))
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}
