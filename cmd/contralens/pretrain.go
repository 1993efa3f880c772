package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/term"

	"contralens/autotune"
	"contralens/checkpoint/weights"
	"contralens/config"
	"contralens/contrast"
	"contralens/nn"
	"contralens/rundir"
	"contralens/setup"
	"contralens/train"
)

// pretrain trains what contrast's options describe.
func pretrain(c config.Contrast, warnings []string) error {
	place, err := setup.FindPlace(c.Output, c.RunName()) // before a measurement settles options
	if err != nil {
		return err
	}
	dir := place.Dir
	p := &train.Progress{Out: os.Stdout, Terminal: term.IsTerminal(int(os.Stdout.Fd())), PrintFreq: c.PrintFreq}
	defer p.Close()
	signals := newStopping(func(s string) { p.Print("%s", s) })
	signals.Listen()
	defer signals.Close()
	for _, w := range warnings {
		p.Print("note: %s", w)
	}
	return setup.Compute(c.Threads, func() (err error) {
		if c.Init != "" {
			if _, err := weights.Open(c.Init, ""); err != nil {
				return err // before time goes into measuring how to compute
			}
		}
		if err := rundir.Possible(dir, c.TBPath); err != nil {
			return err
		}
		if err := setup.ResumeCompute(&c.Machine, c.Resume, dir); err != nil {
			return err
		}
		var chosen string
		r, err := train.NewRun(c, dir, func(m *config.Machine, net nn.Config) (err error) {
			chosen, err = setup.Precision(tuner(c.Retune, p.Print), m, setup.ContrastStep(&c, net))
			return err
		})
		if r != nil {
			defer r.Close()
		}
		if err != nil {
			return err
		}
		images := autotune.Images{Dataset: r.Train, Views: r.Views, From: absolute(c.DataFolder)}
		step := setup.ContrastStep(&c, r.Model.Net)
		split, err := setup.SplitThreads(tuner(c.Retune, p.Print), &r.Config.Machine, c.Precision, step, images)
		if err != nil {
			return err
		}
		c = r.Config
		// What can be wrong with a checkpoint is found before a directory is made.
		if err := start(r, p); err != nil {
			return err
		}
		release, err := setup.Prepare(place, &c, c.Output, os.Args)
		if err != nil {
			return err
		}
		defer release()
		if err := p.Open(dir); err != nil {
			return err
		}
		for _, w := range r.Warnings() {
			p.Print("note: %s", w)
		}
		var accuracies []string
		r.Hooks = hooks(c, place.Events, p, signals, &accuracies)
		for _, said := range []string{chosen, split} {
			if said != "" {
				p.Print("%s", said)
			}
		}
		p.Print("%s", summary(r))
		begin := time.Now()
		signals.Begin()
		err = r.Do(signals.ctx)
		switch {
		case errors.Is(err, train.ErrStopped):
			p.Print("stopped in epoch %d after %d of %d steps; %s has everything: resume with the same command and "+
				"--resume auto", r.Epoch, r.StepInEpoch, r.Batches, r.Saved())
			return err
		case err != nil:
			err = r.LastGood(err)
			p.Log("failed: %v", err)
			return err
		}
		p.Print("trained %d epochs in %s\n%s", c.Epochs, time.Since(begin).Round(time.Second), closing(dir, c, accuracies))
		return nil
	})
}

// start resumes the run, or gives it its first weights.
func start(r *train.Run, p *train.Progress) error {
	path := r.Config.Resume
	if path == "auto" {
		var skipped []error
		path, skipped = rundir.Newest(r.Dir)
		for _, err := range skipped {
			p.Print("note: passed over: %v", err)
		}
		if path == "" {
			p.Print("note: --resume auto: %s has no checkpoint yet, training starts at the beginning", r.Dir)
		}
	}
	if path != "" {
		notes, err := r.Load(path)
		if err != nil {
			return err
		}
		for _, n := range notes {
			p.Print("note: %s", n)
		}
		p.Print("resuming %s: epoch %d, step %d", path, r.Epoch, r.StepInEpoch+1)
		return nil
	}
	if r.Config.Init != "" {
		notes, err := r.LoadWeights(r.Config.Init)
		for _, n := range notes {
			p.Print("note: %s", n)
		}
		return err
	}
	return nil
}

// hooks are what hangs on the run. What a checkpoint must not be ahead of comes
// before it, what takes long after it. curves is the folder of TensorBoard's events.
func hooks(c config.Contrast, curves string, p *train.Progress, signals *stopping, accuracies *[]string) []train.Hook {
	list := append([]train.Hook{p.Hook()}, train.StepHooks(c, curves, p.Print)...)
	if c.Probe > 0 {
		list = append(list, train.ProbeHook(c.Probe, p.Evaluating))
	}
	list = append(list, train.CheckpointHook(c.SaveFreq, c.Keep))
	if c.KNNEvery > 0 {
		list = append(list, train.KNNHook(signals.ctx, c.KNNEvery, func(epoch int, accuracy float64) {
			what := fmt.Sprintf("after epoch %d", epoch)
			if epoch == 0 {
				what = "untrained"
			}
			*accuracies = append(*accuracies, fmt.Sprintf("%s %.1f %%", what, accuracy))
			p.Print("k-NN top-1 %s: %.2f %%", what, accuracy)
		}, p.Evaluating))
	}
	return list
}

func summary(r *train.Run) string {
	c := r.Config
	chance := ""
	if c.Memory == "moco" || c.Memory == "bank" {
		chance = fmt.Sprintf("; loss at chance ln(K+1) = %.3f", contrast.Chance(c.K))
	}
	return fmt.Sprintf("%s on %d images of %s (%d classes), %s in %s (%s), %d steps an epoch; features: %s%s\n"+
		"run directory: %s", c.Method, r.Train.Len(), r.Train.Name(), len(r.Train.Classes()),
		c.Arch, c.Precision, c.MemoryFormat, r.Batches, inWords(c), chance, r.Dir)
}

func closing(dir string, c config.Contrast, accuracies []string) string {
	lines := []string{"weights: " + filepath.Join(dir, rundir.CurrentFile)}
	if len(accuracies) > 0 {
		lines = append(lines, "k-NN top-1: "+strings.Join(accuracies, ", "))
	}
	if c.Record || c.SaveScore {
		lines = append(lines, "scores: contralens scores plot "+dir+" -o figures")
	}
	return strings.Join(lines, "\n")
}
