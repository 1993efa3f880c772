package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/term"

	"contralens/cmd/internal/cli"
	"contralens/config"
	"contralens/rundir"
	"contralens/train"
)

// training shows a pre-training and stops it at signals.
type training struct {
	progress *train.Progress
	signals  *stopping
	started
}

// newTraining returns a training that listens for signals if there is something to stop.
func newTraining(listen bool) *training {
	p := &train.Progress{Out: os.Stdout, Terminal: term.IsTerminal(int(os.Stdout.Fd())), Columns: cli.Columns()}
	t := &training{progress: p, signals: newStopping(func(s string) { p.Print("%s", s) })}
	if listen {
		t.signals.Listen()
	}
	return t
}

// Close stops listening and ends the log.
func (t *training) Close() {
	t.signals.Close()
	t.progress.Close()
}

// pretrain runs the training that the options describe.
func (t *training) pretrain(c config.Contrast, warnings []string) error {
	p := t.progress
	result, err := train.Pretrain(t.signals.ctx, c, train.Options{
		Progress: p, Begin: t.signals.Begin, Met: t.signals.Met, Tuner: tuner(c.Retune, p.Print),
		Command: os.Args, Notes: warnings,
		Launch: t.launch, Timing: t.timing,
	})
	if err == nil && t.launch.World().First() {
		p.Print("%s", closing(result, c))
	}
	return err
}

// closing says where the results of a finished run are and how to plot its scores.
func closing(result train.Result, c config.Contrast) string {
	lines := []string{"weights: " + filepath.Join(result.Dir, rundir.CurrentFile)}
	var accuracies []string
	for _, a := range result.Accuracies {
		accuracies = append(accuracies, fmt.Sprintf("%s %.1f %%", a.When(), a.Top1))
	}
	if len(accuracies) > 0 {
		lines = append(lines, "k-NN top-1: "+strings.Join(accuracies, ", "))
	}
	if c.Record || c.SaveScore {
		lines = append(lines, "scores: contralens scores plot "+result.Dir+" -o figures")
	}
	lines = append(lines, "page: contralens serve "+c.ModelPath)
	return strings.Join(lines, "\n")
}
