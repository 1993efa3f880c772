package main

import (
	"encoding/json"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"contralens/cmd/internal/cli"
	"contralens/config"
	"contralens/data/sets"
	"contralens/diagnose/trial"
	"contralens/setup"
)

func benchDiagnoseCommand() *cobra.Command {
	c := config.DefaultBenchDiagnose()
	cmd := &cobra.Command{
		Use:   "diagnose DIR",
		Short: "Train small networks with a fault each, and see which are diagnosed",
		Long: `Train small networks, 14 healthy ones and 18 with a fault each that is made in the data
or in the options, and write which faults were diagnosed, when, and when k-NN showed them
(5 points below a healthy twin). Images, runs and the table (diagnosis.md, diagnosis.json)
are in DIR. Trainings that are complete are not repeated, so the command can be stopped
and called again; the diagnoses are made anew from the records.

Ctrl-C stops it; the same command resumes.`,
		Example: `  contralens bench diagnose trials --data_folder cifar10
  contralens bench diagnose trials-2 --seed 2 --data_folder fashion-mnist`,
		Args: cli.Arguments(1, "a folder for images, runs and the table", "bench diagnose trials"),
	}
	given := cli.Bind(cmd, &c)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if _, _, err := given(); err != nil {
			return err
		}
		return benchDiagnose(args[0], c)
	}
	return cmd
}

func benchDiagnose(dir string, c config.BenchDiagnose) error {
	ctx, done := interruptible(func(string) { displayLine("contralens: stopping; the same command resumes") })
	defer done()
	p, err := sets.Open(ctx, sets.Options{
		Name: c.Dataset, Folder: c.DataFolder, Remote: setup.Remote(c.Keeping), Note: printNote, Test: sets.TestIfSound,
	})
	if err != nil {
		return err
	}
	o := trial.Options{
		Dir: dir, Images: p, Train: c.Train, Test: c.Test, Seed: c.Seed, Epochs: c.Epochs, Only: c.Only, Threads: c.Threads,
		Note: displayLine,
	}
	if err := trial.Run(ctx, o); err != nil {
		return err
	}
	rows, err := trial.Report(o)
	if err != nil {
		return err
	}
	if err := write(filepath.Join(dir, "diagnosis.json"), func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", " ")
		return e.Encode(rows)
	}); err != nil {
		return err
	}
	var text strings.Builder
	if err := trial.Write(&text, rows); err != nil {
		return err
	}
	if err := write(filepath.Join(dir, "diagnosis.md"), func(w io.Writer) error {
		_, err := io.WriteString(w, text.String())
		return err
	}); err != nil {
		return err
	}
	_, err = io.WriteString(cli.Out, text.String())
	return err
}
