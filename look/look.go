// Package look finds out what is in a folder of images before a training: how many there are
// and of what kind, which are broken or occur twice, what the augmentations do to them, what
// a training will cost on this machine, and which settings suit it. Look does the work
// within a limit of time, Report.WritePage makes one HTML file of the result, and
// Report.WriteSummary a few lines for the terminal.
package look

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"contralens/config"
	"contralens/data"
	"contralens/data/codec"
	"contralens/data/sets"
	"contralens/internal/humanize"
	"contralens/internal/machine"
)

// Options say how to look.
type Options struct {
	Dataset string        // see sets.Options; "": recognized by its files
	Classes string        // list of classes for imagenet100; "": the built-in one
	Gray16  codec.Gray16  // how 16-bit gray becomes 8-bit; "": clipped
	Time    time.Duration // limit for the whole look
	Seed    uint64        // of everything random
	Workers int           // goroutines that decode; 0: one per processor
	Device  string        // of the training that is measured: auto, cpu or cuda:N; "": auto
	Encoder Encoder       // for the nearest neighbors
	// Measure measures a training step; nil: no measurement.
	Measure Measure
	// Now is the clock; nil: time.Now.
	Now func() time.Time
	// Show, unless nil, receives what is being done.
	Show func(what string)
}

// Report is what a look has found.
type Report struct {
	Folder  string
	Root    string // folder that paths are shown relative to
	Dataset string // its kind
	When    time.Time
	Took    time.Duration
	Limit   time.Duration
	Notes   []string // of the dataset: what is left out, and why
	Cuts    []string // what was left out for lack of time

	Splits     []Split
	Broken     []Broken
	Repaired   []Bar // kinds of damage in files that can be read all the same, with their number
	Duplicates Duplicates
	Advice     Advice
	Cost       Cost
	Views      Views
	Neighbors  Neighbors
}

// Broken is an image that can't be read.
type Broken struct{ Split, Path, Why string }

// Look looks at the images in a folder, or in a list or other dataset. It returns an error
// if there are fewer than two images that can be read, because then there is nothing to
// train on; broken images alone are no error.
func Look(ctx context.Context, folder string, o Options) (*Report, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Show == nil {
		o.Show = func(string) {}
	}
	if o.Device == "" {
		o.Device = "auto"
	}
	if o.Workers == 0 {
		o.Workers = machine.Processors()
	}
	l := &looking{Options: o, folder: folder, budget: newBudget(o.Time, o.Now), report: &Report{
		Folder: folder, Root: folder, When: o.Now(), Limit: o.Time,
	}}
	defer o.Show("")
	for _, part := range []func(context.Context) error{
		l.open, l.survey, l.duplicates, l.advise, l.views, l.cost, l.neighbors, l.illustrate,
	} {
		if err := part(ctx); err != nil {
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
	l.report.Cuts, l.report.Took = l.budget.cuts, l.budget.spent()
	return l.report, nil
}

// looking is one call of Look.
type looking struct {
	Options
	folder string
	budget *budget
	splits []split
	photos []*photo // those that were seen and can be read
	report *Report
}

// The parts' shares of the time that is left when they begin.
const (
	surveyShare     = 0.5
	duplicatesShare = 0.3
	viewsShare      = 0.2
	costShare       = 0.6
	neighborsShare  = 0.8
)

func (l *looking) open(ctx context.Context) error {
	l.Show("listing the images …")
	// Notes that come later, from any goroutine, are about damaged files, which the survey counts.
	var listed atomic.Bool
	defer listed.Store(true)
	p, err := sets.Open(ctx, sets.Options{
		Name: l.Dataset, Folder: l.folder, Imagenet100Path: l.Classes, Gray16: l.Gray16, CacheBytes: -1,
		Test: sets.TestIfSound,
		Note: func(s string) {
			if !listed.Load() {
				l.report.Notes = append(l.report.Notes, s)
			}
		},
	})
	if err != nil {
		var wrong *sets.OptionError
		if errors.As(err, &wrong) && wrong.Option == sets.Folder { // it is an argument, not an option
			return fmt.Errorf("%s: %w", wrong.Value, wrong.Err)
		}
		return err
	}
	l.splits, l.report.Dataset = splitsOf(p), p.Train.Name()
	if info, err := os.Stat(l.folder); err == nil && !info.IsDir() {
		l.report.Root = filepath.Dir(l.folder) // of a list
	}
	return nil
}

// survey looks at all images, or at as many as the time allows.
func (l *looking) survey(ctx context.Context) error {
	show := throttle(l.Now, func(done, total int) {
		l.Show(fmt.Sprintf("looking at image %d of %d …", done+1, total))
	})
	if err := survey(ctx, l.splits, l.Workers, l.Seed, l.budget.share(surveyShare), show); err != nil {
		return context.Cause(ctx)
	}
	l.photos = readable(l.splits)
	total, seen := 0, 0
	for i := range l.splits {
		s := summarize(&l.splits[i])
		l.report.Splits = append(l.report.Splits, s)
		total, seen = total+s.Images, seen+s.Seen
		for _, p := range l.splits[i].photos {
			if p.broken != "" {
				l.report.Broken = append(l.report.Broken, Broken{s.Name, l.splits[i].data.Path(p.index), p.broken})
			}
		}
	}
	l.report.Repaired = repaired(l.splits)
	if seen < total {
		l.budget.cut("%s of %s were looked at, chosen at random: broken files and duplicates among the others are not "+
			"found", humanize.Grouped(seen), images(total))
	}
	switch {
	case len(l.photos) == 0 && len(l.report.Broken) > 0:
		b := l.report.Broken[0]
		return fmt.Errorf("%s: want images that can be read, but all %d are broken; the first is %s: %s",
			l.folder, len(l.report.Broken), b.Path, b.Why)
	case len(l.photos) < 2:
		return fmt.Errorf("%s: want at least 2 images that can be read, because a training contrasts images with "+
			"each other; got %d", l.folder, len(l.photos))
	}
	return nil
}

func (l *looking) duplicates(context.Context) error {
	l.Show(fmt.Sprintf("comparing %d images with each other …", len(l.photos)))
	var complete bool
	l.report.Duplicates, complete = duplicates(l.splits, l.photos, l.Workers, l.Seed, l.budget.share(duplicatesShare))
	if !complete {
		l.budget.cut("%s of %s were compared with all others", humanize.Grouped(l.report.Duplicates.Compared),
			images(len(l.photos)))
	}
	if l.report.Duplicates.Bucketed {
		l.budget.cut("near-duplicates that differ more are not all found: of more than %s images, only those with "+
			"similar hashes are compared", humanize.Grouped(most))
	}
	return nil
}

// training returns the images that a pre-training reads: the unlabeled ones if there are any.
func (l *looking) training() data.Dataset {
	for _, s := range l.splits {
		if s.name == "unlabeled" {
			return s.data
		}
	}
	return l.splits[0].data
}

// throttle returns a function that passes on a call in five per second.
func throttle(now func() time.Time, show func(done, total int)) func(done, total int) {
	var last time.Time
	return func(done, total int) {
		if t := now(); t.Sub(last) >= 200*time.Millisecond {
			last = t
			show(done, total)
		}
	}
}

// Encoder says which encoder finds the nearest neighbors.
type Encoder struct {
	Weights config.Weights  // its checkpoint; without one, an untrained network is used
	Net     config.Net      // the network's options, if the checkpoint does not know them
	Set     map[string]bool // those of Net that the user set
}
