package demo

import (
	"context"
	"errors"
	"fmt"

	"contralens/config"
	"contralens/data"
	"contralens/data/loader"
	"contralens/rundir"
	"contralens/train"
)

const (
	batch  = 64
	queue  = 1024 // keys; half of the images if there are fewer
	probe  = 300  // images whose features are kept after every epoch
	onset  = 1. / 3
	eachOf = 8 // lines of metrics in an epoch
	// beforeAndAfter is more epochs than any demo has: what is done every so many epochs is done
	// at the ends of a training.
	beforeAndAfter = 1_000_000
)

// settings returns the options of the demo's training of a size, without the feature
// transformation. They are chosen for what they gain in minutes on one processor, see
// docs/decisions.md: views of 14 of the 28 pixels train three times as fast.
func (d *Demo) settings(p Plan) (config.Contrast, error) {
	c := config.DefaultContrast()
	c.Method, c.Dataset, c.DataFolder = "MoCov2_tau0.1", "fashion-mnist", d.config.DataFolder
	c.Arch, c.Width, c.Stem, c.InputRes = "resnet18", 0.25, "cifar", 14
	c.BlurP, c.CropMin = new(0.), new(0.5)
	c.Limit, c.BatchSize, c.Alpha, c.K = p.Images, batch, 0.99, min(queue, max(batch, p.Images/2))
	c.LearningRate, c.Cosine, c.CosineBy, c.WeightDecay = 0.02, true, "step", 5e-4
	c.Epochs, c.KNNEvery, c.Seed = p.Epochs, beforeAndAfter, p.Seed
	c.SaveScore, c.Probe = true, probe
	c.PrintFreq = max(1, loader.Batches(p.Images, batch, false)/eachOf)
	c.ModelPath, c.TBPath, c.SaveFreq = d.config.Out, d.path(eventsDir), beforeAndAfter
	if p.Machine != (config.Machine{}) {
		c.Machine = p.Machine
	}
	_, err := c.Resolve(map[string]bool{"method": true})
	return c, err
}

// begin sets the length and the start of the transformation for the training that has it: as
// many epochs as the other, so that they compare, and a third of the steps. From the first
// step, the transformation can make the features collapse.
func (p *Plan) begin() {
	if p.FTEpochs == 0 {
		p.FTEpochs = p.Epochs
		p.FTStart = int(onset * float64(p.Epochs*loader.Batches(p.Images, batch, false)))
	}
}

// train runs one of the trainings, unless it is done. place is its place among them, from 0.
func (d *Demo) train(ctx context.Context, p *Plan, place int, name string) error {
	resume := d.config.Resume != ""
	if k, err := readKNN(d.path(name)); resume && (err != nil || k.done()) {
		return err
	}
	if name == ftRun {
		p.begin()
		if err := writePlan(d.config.Out, *p); err != nil {
			return err
		}
	}
	c, title, err := d.training(*p, name)
	if err != nil {
		return err
	}
	c.Name = name
	if resume && rundir.IsRun(d.path(name)) {
		c.Resume = d.config.Resume
	}
	d.Print("\n%d of %d: %s", place+1, trainings, title)
	limit := d.deadline()
	k := &clock{
		end: limit.Add(-seconds(figureShare * limit.Sub(d.begin).Seconds())), print: d.Print,
		following: trainings - place - 1, fixed: d.config.Epochs > 0,
		shortened: func(epochs int) error { return d.shorten(p, name, epochs) },
	}
	progress := &train.Progress{
		Out: d.options.Out, Terminal: d.options.Terminal, Columns: d.options.Columns, PrintFreq: 1 << 30,
		Title: fmt.Sprintf("%d of %d", place+1, trainings), Left: k.left,
	}
	d.show(progress)
	defer progress.Close()
	defer d.show(nil)
	_, err = train.Pretrain(ctx, c, train.Options{
		Progress: progress, Hooks: []train.Hook{fewerTests(p.Tests), k.Hook()}, Command: d.options.Command,
	})
	if err != nil && ctx.Err() != nil && !errors.Is(err, train.ErrStopped) {
		return d.stopped() // while it opened the data
	}
	return err
}

// shorten keeps the number of epochs of a training that takes longer than planned.
func (d *Demo) shorten(p *Plan, name string, epochs int) error {
	if name == plainRun {
		p.Epochs = epochs
	} else {
		p.FTEpochs = epochs
	}
	return writePlan(d.config.Out, *p)
}

// training returns the options of one of the trainings, and its title.
func (d *Demo) training(p Plan, name string) (c config.Contrast, title string, err error) {
	if name == plainRun {
		c, err = d.settings(p)
		return c, plainLegend + " (τ = 0.1)", err
	}
	p.Epochs = p.FTEpochs
	if c, err = d.settings(p); err == nil {
		c.FT, c.MixStep = "posneg", p.FTStart
		_, err = c.Resolve(map[string]bool{"method": true})
	}
	return c, fmt.Sprintf("%s + feature transformation from step %d", plainLegend, c.MixStep+1), err
}

// fewerTests returns a hook that evaluates on n of the test images, before any evaluation.
func fewerTests(n int) train.Hook {
	return train.Hook{Order: train.Display, Start: func(r *train.Run) error {
		if n < r.Test.Len() {
			r.Test = data.Limit(r.Test, n)
		}
		return nil
	}}
}
