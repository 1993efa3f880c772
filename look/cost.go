package look

import (
	"context"
	"fmt"
	"os"
	"time"

	"contralens/autotune"
	"contralens/config"
	"contralens/data/loader"
	"contralens/data/sets"
	"contralens/internal/humanize"
	"contralens/internal/machine"
	"contralens/profile"
	"contralens/setup"
)

// Cost is what a training with the recommended recipe costs on this machine.
type Cost struct {
	Machine string
	Rate    float64 // images per second in the whole step, views included; 0: not measured
	Bytes   int64   // peak memory: as measured, with the images that a training keeps in memory later
	// Available is the memory that this process may use; 0: unknown.
	Available int64
	Steps     int    // measured ones
	Compute   string // precision, memory format and threads
	Epoch     time.Duration
	Whole     time.Duration
	Endless   bool // it takes days
	Notes     []string
	Failed    string // why it was not measured
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
	// An epoch of at most so many steps is the warm-up: its files or images are in memory
	// afterwards, as they are during almost all of the training.
	shortEpoch = 20
	busy       = 0.1 // share of the processors in use by other programs that is worth a note
)

// cost measures the speed of the recommended recipe.
func (l *looking) cost(ctx context.Context) error {
	c := &l.report.Cost
	c.Machine = machine.Model() + ", " + humanize.Count(machine.Processors(), "core")
	c.Available = machine.MemorySize().Limit
	if l.Measure == nil {
		c.Failed = "it was not asked for"
		return nil
	}
	n, batch := l.training().Len(), l.report.Advice.Config.BatchSize
	end := l.budget.share(costShare)
	l.Show("measuring training steps …")
	m := Measurement{
		Config: l.report.Advice.Config, WarmUp: warmUpSteps, Enough: end.passed, Show: l.Show,
		Note: func(s string) { c.Notes = append(c.Notes, s) },
	}
	if steps := n / batch; steps <= shortEpoch {
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
	c.Rate, c.Steps, c.Bytes = r.ImagesPerSecond, r.Steps, int64(r.PeakMB*(1<<20))+l.unread((m.WarmUp+r.Steps)*batch)
	c.Compute = fmt.Sprintf("%s, %s, %s", r.Precision, r.MemoryFormat, humanize.Count(r.Threads, "thread"))
	c.Epoch = setup.Forecast{Images: n, Epochs: 1, Rate: c.Rate}.Time()
	whole := setup.Forecast{Images: n, Epochs: l.report.Advice.Config.Epochs, Rate: c.Rate}
	c.Whole, c.Endless = whole.Time(), whole.Warning() != ""
	if c.Steps < 3 {
		l.budget.cut("the speed is that of %s, so it is a rough guess", humanize.Count(c.Steps, "training step"))
	}
	return nil
}

// unread returns the memory of the decoded images that a training keeps, beyond those among
// the first ones, which the measurement has read. Of large JPEG files nothing is kept.
func (l *looking) unread(first int) int64 {
	pixels, seen, n := 0.0, 0, l.training().Len()
	for _, p := range l.photos {
		if l.splits[p.split].data != l.training() {
			continue
		}
		seen++
		if n := p.width * p.height; p.format != "JPEG" || n <= loader.WholePixels {
			pixels += float64(n)
		}
	}
	if seen == 0 {
		return 0
	}
	kept := func(images int) float64 { return min(sets.CacheBytes, 3*pixels/float64(seen)*float64(images)) }
	return int64(kept(n) - kept(min(first, n)))
}

// MeasureSteps returns a Measure that trains in a temporary folder, which it removes. made
// receives the folder's name when it exists, so that a signal can remove it, too.
func MeasureSteps(t *autotune.Tuner, made func(dir string)) Measure {
	return func(m Measurement) (result *profile.Result, err error) {
		dir, err := profile.TempDir("look")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		made(dir)
		tuner := *t
		tuner.Note, tuner.Show = nil, m.Show
		if tuner.Load == nil {
			tuner.Load = machine.WatchLoad
		}
		bench := config.BenchStep{Contrast: m.Config, Steps: measuredSteps, Warmup: m.WarmUp}
		bench.MaxBad = 1 // those that were not looked at may be broken, too
		machine.ResetPeak()
		load := tuner.Load()
		err = setup.Compute(0, func() (err error) {
			result, err = profile.Step(bench, profile.Options{
				Dir: dir, Tuner: &tuner, Print: func(string, ...any) {}, Show: m.Show, Enough: m.Enough, NoPeak: true,
			})
			return err
		})
		if taken := load(); taken > busy && err == nil {
			m.Note(fmt.Sprintf("other programs took %.0f %% of the processors meanwhile: alone, a training is faster",
				100*taken))
		}
		return result, err
	}
}
