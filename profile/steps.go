package profile

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"contralens/train"
)

// ErrDone ends a run that has been measured.
var ErrDone = errors.New("measured")

// Steps are the times of the steps of a run.
type Steps struct {
	warmup, count int
	show          func(what string)
	done          int // of both kinds
	times         []train.Times
	last          train.Times
}

// NewSteps measures count steps after warmup others, and shows which one is running.
func NewSteps(warmup, count int, show func(what string)) *Steps {
	return &Steps{warmup: warmup, count: count, show: show}
}

// Hook belongs behind the other hooks of a run, which it ends with ErrDone.
func (s *Steps) Hook() train.Hook {
	return train.Hook{
		Start: func(r *train.Run) error { s.Begin(r.Model.Clock.Times()); return nil },
		Step:  func(r *train.Run, _ train.Step) error { return s.Add(r.Model.Clock.Times()) },
	}
}

// Begin begins a step, given the clock's times.
func (s *Steps) Begin(now train.Times) {
	s.last = now
	s.show(s.running())
}

// Add ends a step, given the clock's times, and begins the next one. It returns
// ErrDone after the last one.
func (s *Steps) Add(now train.Times) error {
	if s.done++; s.done > s.warmup {
		s.times = append(s.times, now.Sub(s.last))
	}
	if len(s.times) == s.count {
		return ErrDone
	}
	s.Begin(now)
	return nil
}

// running says which step is.
func (s *Steps) running() string {
	if s.done < s.warmup {
		return fmt.Sprintf("warming up: step %d of %d", s.done+1, s.warmup)
	}
	return fmt.Sprintf("measuring: step %d of %d", s.done-s.warmup+1, s.count)
}

// Median is the median of each phase and that of the steps' totals.
func (s *Steps) Median() (phases train.Times, total time.Duration) {
	for p := range phases {
		phases[p] = s.median(func(t train.Times) time.Duration { return t[p] })
	}
	return phases, s.median(train.Times.Total)
}

func (s *Steps) median(of func(train.Times) time.Duration) time.Duration {
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
