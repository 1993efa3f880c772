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
	c.Epochs, c.KNNEvery, c.Seed = p.Epochs, p.Epochs, p.Seed
	c.SaveScore, c.Probe = true, probe
	c.PrintFreq = max(1, loader.Batches(p.Images, batch, false)/eachOf)
	c.ModelPath, c.TBPath, c.SaveFreq = d.config.Out, d.path(eventsDir), p.Epochs+1
	if p.Machine != (config.Machine{}) {
		c.Machine = p.Machine
	}
	_, err := c.Resolve(map[string]bool{"method": true})
	return c, err
}

// transformed returns the options of the same training with the feature transformation. It
// starts after a third of the steps: from the first step, it can make the features collapse.
func transformed(c config.Contrast) (config.Contrast, error) {
	c.FT = "posneg"
	c.MixStep = int(onset * float64(c.Epochs*loader.Batches(c.Limit, c.BatchSize, false)))
	_, err := c.Resolve(map[string]bool{"method": true})
	return c, err
}

// train runs one of the trainings, unless it is done. place is its place among them, from 0.
func (d *Demo) train(ctx context.Context, p *Plan, place int, name string) error {
	resume := d.config.Resume != ""
	if k, err := readKNN(d.path(name)); resume && (err != nil || k.done()) {
		return err
	}
	c, title, err := d.training(p, name)
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
	if err == nil && name == plainRun {
		p.FTEpochs = k.epochs // the same for both, so that they compare
		err = writePlan(d.config.Out, *p)
	}
	return err
}

// training returns the options of one of the trainings, and its title.
func (d *Demo) training(p *Plan, name string) (c config.Contrast, title string, err error) {
	if name == plainRun {
		c, err = d.settings(*p)
		return c, plainLegend + " (τ = 0.1)", err
	}
	with := *p
	if p.FTEpochs > 0 {
		with.Epochs = p.FTEpochs
	}
	if c, err = d.settings(with); err == nil {
		c, err = transformed(c)
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
