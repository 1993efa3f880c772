// Package demo shows in minutes what this program does: it trains MoCo v2 on Fashion-MNIST
// twice, without and with the feature transformation, evaluates both by k-NN and draws their
// scores. It measures the machine first and chooses the number of images and epochs so that
// everything ends in time.
//
//	measure (profile) → plan (plan.go) → two trainings (training.go, clock.go) → summary.go
package demo

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"contralens/autotune"
	"contralens/config"
	"contralens/data/sets"
	"contralens/data/store"
	"contralens/internal/humanize"
	"contralens/profile"
	"contralens/rundir"
	"contralens/setup"
	"contralens/train"
	"contralens/viz"
)

// The demo's folder has a run directory for each training, and the figures.
const (
	plainRun    = "plain"
	ftRun       = "ft"
	figuresDir  = "figures"
	scoresPage  = "scores.png"
	eventsDir   = "tb"
	plainLegend = "MoCo v2"
	ftLegend    = "MoCo v2 + FT"
)

// Options are what a demo needs besides its configuration.
type Options struct {
	Out      io.Writer // nil: nothing is shown
	Terminal bool      // Out is a terminal
	Columns  int       // of the terminal; 0: 80
	// Tuner chooses precision, memory format and the split of the processors.
	Tuner   *autotune.Tuner
	Show    func(what string) // receives what is being measured, and "" at the end; may be nil
	Command []string          // the command line that run.json records
	Program string            // how the user calls this program
}

// Demo is one demo. Print may be called from any goroutine.
type Demo struct {
	options Options
	config  config.Demo
	begin   time.Time

	mu       sync.Mutex
	progress *train.Progress // of the current training; nil between trainings
}

// New returns a demo. c.Resolve must have been called.
func New(c config.Demo, o Options) *Demo {
	if o.Out == nil {
		o.Out = io.Discard
	}
	if o.Show == nil {
		o.Show = func(string) {}
	}
	return &Demo{options: o, config: c}
}

// Print shows a line.
func (d *Demo) Print(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.progress != nil {
		d.progress.Print(format, args...)
		return
	}
	fmt.Fprintf(d.options.Out, format+"\n", args...)
}

// show makes the display of a training the demo's; nil ends it.
func (d *Demo) show(p *train.Progress) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.progress = p
}

// Run runs the demo. If ctx ends, it saves everything and returns train.ErrStopped; the same
// demo with Resume "auto" then finishes it.
func (d *Demo) Run(ctx context.Context) error {
	d.begin = time.Now()
	if err := os.MkdirAll(d.config.Out, 0o755); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	p, err := d.plan(ctx)
	if err != nil {
		return err
	}
	for i, name := range []string{plainRun, ftRun} {
		if err := d.train(ctx, &p, i, name); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return d.stopped()
	}
	d.options.Show("drawing figures …")
	_, err = viz.Plot([]string{d.path(plainRun), d.path(ftRun)}, d.path(figuresDir), viz.Options{
		Labels: []string{plainLegend, ftLegend}, Title: "Scores while training on Fashion-MNIST",
	})
	d.options.Show("")
	if err != nil {
		return err
	}
	return d.summary(p)
}

// stopped says how to finish a demo that a signal stopped between its trainings.
func (d *Demo) stopped() error {
	d.Print("stopped: the same command with --resume auto finishes the demo in %s", d.config.Out)
	return train.ErrStopped
}

func (d *Demo) path(name string) string { return filepath.Join(d.config.Out, name) }

// deadline is when everything shall be done.
func (d *Demo) deadline() time.Time {
	return d.begin.Add(time.Duration(d.config.Minutes * float64(time.Minute)))
}

// plan measures the machine and sizes the demo, or returns the plan of the demo that is
// resumed.
func (d *Demo) plan(ctx context.Context) (p Plan, err error) {
	if d.config.Resume != "" {
		if p, err = readPlan(d.config.Out); err == nil {
			d.Print("resuming the demo in %s: %s", d.config.Out, p)
			d.differences(p)
		}
		return p, err
	}
	if folder := d.config.DataFolder; folder != "" { // or else the demo would show other images
		if err := sets.FindFashionMNIST(ctx, store.Disk{}, folder); err != nil {
			return p, err
		}
	}
	c, err := d.settings(Plan{Images: measured, Epochs: 1, Seed: d.config.Seed})
	if err != nil {
		return p, err
	}
	whole := c
	whole.Limit = 0
	splits, err := setup.Splits(ctx, whole, nil)
	if err != nil {
		return p, err
	}
	if splits.Test == nil || len(splits.Train.Classes()) < 2 {
		return p, fmt.Errorf("dataset %s: want classes and test images for k-NN", splits.Train.Name())
	}
	speed, err := d.measure(ctx, &c)
	if err != nil {
		return p, err
	}
	have := Have{Images: splits.Train.Len(), Tests: splits.Test.Len()}
	p = Size(time.Until(d.deadline()), speed, have, d.config.Images, d.config.Epochs)
	p.Machine = c.Machine
	p.Seed = d.config.Seed
	for _, name := range []string{plainRun, ftRun} { // of an earlier demo
		if err := rundir.Remove(d.path(name)); err != nil {
			return p, err
		}
		if err := os.RemoveAll(filepath.Join(d.path(eventsDir), name)); err != nil {
			return p, err
		}
	}
	d.Print("measured: %.0f images/s in training, %.0f in evaluation", speed.Train, speed.Evaluate)
	d.Print("chosen: %s", p)
	end, limit := cost(p, speed)+time.Since(d.begin), d.deadline().Sub(d.begin)
	d.Print("all of it takes about %s of %s", humanize.Duration(end), humanize.Duration(limit))
	switch {
	case end <= limit:
	case d.config.Images > 0 || d.config.Epochs > 0:
		d.Print("note: --images and --epochs ask for more than %s", humanize.Duration(limit))
	default:
		d.Print("note: this machine is too slow for %s: the smallest demo takes longer", humanize.Duration(limit))
	}
	return p, writePlan(d.config.Out, p)
}

// differences notes options that ask for another demo than the one that is resumed.
func (d *Demo) differences(p Plan) {
	for _, o := range []struct {
		name      string
		asked, is uint64
	}{
		{"images", uint64(d.config.Images), uint64(p.Images)}, {"epochs", uint64(d.config.Epochs), uint64(p.Epochs)},
		{"seed", d.config.Seed, p.Seed},
	} {
		if o.asked != 0 && o.asked != o.is {
			d.Print("note: --%s %d has no effect: the demo that is resumed has %d", o.name, o.asked, o.is)
		}
	}
}

// measured is the number of images of the training that is measured.
const measured = 512

// measure measures the demo's training in a temporary folder, and chooses what c leaves open.
func (d *Demo) measure(ctx context.Context, c *config.Contrast) (s profile.Speed, err error) {
	dir, err := profile.TempDir("demo")
	if err != nil {
		return s, err
	}
	defer os.RemoveAll(dir)
	err = setup.Compute(c.Threads, func() (err error) {
		s, err = profile.MeasureSpeed(ctx, c, profile.Options{
			Dir: dir, Tuner: d.options.Tuner, Print: d.Print, Show: d.options.Show,
		})
		return err
	})
	if ctx.Err() != nil {
		d.Print("stopped before training began: nothing was changed")
		return s, train.ErrStopped
	}
	return s, err
}
