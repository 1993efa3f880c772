package look

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"contralens/autotune"
	"contralens/config"
	"contralens/internal/machine"
	"contralens/profile"
	"contralens/setup"
)

// Cost is what a training with the recommended recipe costs on this machine.
type Cost struct {
	Machine string
	Rate    float64 // images per second in the whole step, views included; 0: not measured
	Bytes   int64   // peak resident memory
	Steps   int     // measured ones
	Compute string  // precision, memory format and threads
	Epoch   time.Duration
	Whole   time.Duration
	Notes   []string
	Failed  string // why it was not measured
}

// Measurement is a training whose steps are to be measured.
type Measurement struct {
	Config config.Contrast
	WarmUp int          // steps before the measured ones
	Enough func() bool  // ends the measurement, but not before one step, by returning true
	Show   func(string) // receives what is being done
	Note   func(string) // receives sentences for the user
}

// Measure measures the steps of a training.
type Measure func(Measurement) (*profile.Result, error)

const (
	measuredSteps = 40 // at most
	warmUpSteps   = 3
	// An epoch of at most so many steps is the warm-up: its images are in memory afterwards,
	// as they are during almost all of the training.
	shortEpoch = 20
)

// cost measures the speed of the recommended recipe.
func (l *looking) cost(ctx context.Context) error {
	c := &l.report.Cost
	c.Machine = machine.Kind()
	if l.Measure == nil {
		c.Failed = "it was not asked for"
		return nil
	}
	end := l.budget.share(costShare)
	l.Show("measuring training steps …")
	m := Measurement{
		Config: l.report.Advice.Config, WarmUp: warmUpSteps, Enough: end.passed, Show: l.Show,
		Note: func(s string) { c.Notes = append(c.Notes, s) },
	}
	if steps := l.training().Len() / m.Config.BatchSize; steps <= shortEpoch {
		m.WarmUp = max(steps, warmUpSteps)
	}
	r, err := l.Measure(m)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		c.Failed = err.Error()
		return nil
	}
	c.Rate, c.Steps, c.Bytes = r.ImagesPerSecond, r.Steps, int64(r.PeakMB*(1<<20))
	c.Compute = fmt.Sprintf("%s, %s, %d threads", r.Precision, r.MemoryFormat, r.Threads)
	if c.Rate > 0 {
		c.Epoch = time.Duration(float64(l.training().Len()) / c.Rate * float64(time.Second))
		c.Whole = time.Duration(l.report.Advice.Config.Epochs) * c.Epoch
	}
	if c.Steps < 3 {
		l.budget.cut("the speed is that of %d training steps, so it is a rough guess", c.Steps)
	}
	return nil
}

// MeasureSteps returns a Measure that trains in a temporary folder, which it removes. made
// receives the folder's name when it exists, so that a signal can remove it, too.
func MeasureSteps(t *autotune.Tuner, made func(dir string)) Measure {
	return func(m Measurement) (result *profile.Result, err error) {
		dir, err := os.MkdirTemp("", "contralens-look-")
		if err != nil {
			return nil, fmt.Errorf("temporary folder: want a place to make one, but %w; TMPDIR can name another place", err)
		}
		defer os.RemoveAll(dir)
		made(dir)
		tuner := *t
		tuner.Note = func(format string, args ...any) {
			m.Note(strings.TrimPrefix(fmt.Sprintf(format, args...), "note: "))
		}
		tuner.Show = m.Show
		bench := config.BenchStep{Contrast: m.Config, Steps: measuredSteps, Warmup: m.WarmUp}
		bench.MaxBad = 1 // those that were not looked at may be broken, too
		machine.ResetPeak()
		err = setup.Compute(0, func() (err error) {
			result, err = profile.Step(bench, profile.Options{
				Dir: dir, Tuner: &tuner, Print: func(string, ...any) {}, Show: m.Show, Enough: m.Enough, NoPeak: true,
			})
			return err
		})
		return result, err
	}
}
