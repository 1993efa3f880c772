package measure

import (
	"errors"
	"slices"
	"time"

	"contralens/train"
)

// ErrDone ends a run that has been measured.
var ErrDone = errors.New("measured")

// Steps are the times of the steps of a run.
type Steps struct {
	warmup, count int
	times         []train.Times
	last          train.Times
}

// NewSteps measures count steps after warmup others.
func NewSteps(warmup, count int) *Steps { return &Steps{warmup: warmup, count: count} }

// Hook belongs behind the other hooks of a run, which it ends with ErrDone.
func (s *Steps) Hook() train.Hook {
	return train.Hook{
		Start: func(r *train.Run) error { s.last = r.Model.Clock.Times(); return nil },
		Step:  func(r *train.Run, _ train.Step) error { return s.Add(r.Model.Clock.Times()) },
	}
}

// Add ends a step, given the clock's times. It returns ErrDone after the last one.
func (s *Steps) Add(now train.Times) error {
	if s.warmup--; s.warmup < 0 {
		s.times = append(s.times, now.Sub(s.last))
	}
	s.last = now
	if len(s.times) == s.count {
		return ErrDone
	}
	return nil
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
