package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"contralens/cmd/internal/cli"
	"contralens/config"
	"contralens/dashboard"
	"contralens/internal/demo"
)

func demoCommand() *cobra.Command {
	c := config.DefaultDemo()
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Train on Fashion-MNIST with and without feature transformation, in minutes",
		Long: `Train MoCo v2 on Fashion-MNIST twice, without and with the feature transformation,
evaluate both by k-NN, and draw their scores. The demo measures this machine first and
chooses the number of images and epochs so that everything ends in time. A page shows
the trainings while they run. On a terminal it stays when they are done, until Enter or
Ctrl-C.

Ctrl-C saves everything; the same command with --resume auto finishes the demo.`,
		Args: cli.NoArguments,
		Example: `  contralens demo
  # a short one, without the page
  contralens demo --minutes 2 --serve=false
  # a larger one of your choice
  contralens demo --images 60000 --epochs 50 --minutes 60`,
	}
	given := cli.Bind(cmd, &c)
	cmd.RunE = func(*cobra.Command, []string) error {
		if _, _, err := given(); err != nil {
			return err
		}
		return runDemo(c)
	}
	return cmd
}

func runDemo(c config.Demo) error {
	var d *demo.Demo
	say := func(format string, args ...any) { d.Print(format, args...) }
	d = demo.New(c, demo.Options{
		Out: os.Stdout, Terminal: term.IsTerminal(int(os.Stdout.Fd())), Columns: cli.Columns(),
		Tuner: tuner(false, say), Show: display, Command: os.Args, Program: os.Args[0],
	})
	var page serving
	if c.Serve {
		l, err := dashboard.Listen(c.Address)
		if err != nil {
			return cli.Wrong(fmt.Errorf("--address: %w", err))
		}
		page = serving{listener: l, opened: func(address string) {
			if c.Open {
				dashboard.Browse(address)
			}
		}}
	}
	defer page.Close()
	stop, err := page.Serve(c.Out)
	if err != nil {
		return err
	}
	defer stop()
	signals := newStopping(func(s string) { d.Print("%s", s) })
	signals.Begin()
	signals.Listen()
	err = d.Run(signals.ctx)
	signals.Close()
	if err == nil {
		page.Linger(d.Print)
	}
	return err
}
