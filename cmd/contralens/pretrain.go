package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/term"

	"contralens/config"
	"contralens/rundir"
	"contralens/train"
)

// pretrain runs the training that the options describe.
func pretrain(c config.Contrast, warnings []string) error {
	p := &train.Progress{Out: os.Stdout, Terminal: term.IsTerminal(int(os.Stdout.Fd())), PrintFreq: c.PrintFreq}
	defer p.Close()
	signals := newStopping(func(s string) { p.Print("%s", s) })
	signals.Listen()
	defer signals.Close()
	for _, w := range warnings {
		p.Print("note: %s", w)
	}
	result, err := train.Pretrain(signals.ctx, c, train.Options{
		Progress: p, Begin: signals.Begin, Tuner: tuner(c.Retune, p.Print), Command: os.Args,
	})
	if err == nil {
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
	return strings.Join(lines, "\n")
}
