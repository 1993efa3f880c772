package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"contralens/cmd/internal/cli"
	"contralens/config"
	"contralens/eval/protocol"
	"contralens/setup"
)

func linearCommand() *cobra.Command {
	c := config.DefaultLinear()
	cmd := &cobra.Command{
		Use:   "linear",
		Short: "Train a linear classifier on a frozen encoder",
		Args:  cli.NoArguments,
		Example: `  contralens linear --method MoCov2 --ckpt save/run/current.pth \
    --data_folder photos --n_class 10 --epochs 100 --lr_decay_epochs 60,80
  # in minutes: cached features, learning rate chosen on held-out training images
  contralens linear --ckpt save/run/current.pth --data_folder photos \
    --cached --lr_sweep 0.1,1,10,30 --batch_size 256 --epochs 50 --cosine
  # in seconds: logistic regression on standardized features
  contralens linear --ckpt save/run/current.pth --data_folder photos \
    --cached --solver lbfgs
  contralens linear --method MoCov2 --ckpt save/run/current.pth --dry-run`,
	}
	given := cli.BindSized(cmd, &c, func(l cli.Line) ([]string, error) {
		if l.File != "" {
			return nil, nil
		}
		return c.Suit(l.Set), nil
	})
	dry := cmd.Flags().Bool("dry_run", false, "show what would be done and stop")
	cmd.RunE = func(*cobra.Command, []string) error {
		set, warnings, err := given()
		if err != nil {
			return err
		}
		if c.Solver == "sgd" {
			warnings = append(warnings, setup.ScheduleNotes(c.Optim, false, false)...)
		}
		if *dry {
			return describeLinear(c, set, warnings)
		}
		var p started
		if ended, err := p.join(&c.Dist, nil); ended || err != nil {
			return err
		}
		ctx, o, done := evaluation(set, warnings, c.JSON, p)
		defer done()
		_, err = protocol.Linear(ctx, c, o)
		return err
	}
	return cmd
}

// describeLinear prints what an evaluation would do. The checkpoint need not exist yet.
func describeLinear(c config.Linear, set map[string]bool, warnings []string) error {
	place, err := setup.FindPlace(&c, c.Output, c.RunName(set))
	if err == nil {
		err = setup.Compute(c.Threads, func() error { return setup.Buildable(c.Net, c.Machine, false) })
	}
	if err != nil {
		return err
	}
	fmt.Fprint(cli.Out, config.YAML(&c))
	printPlace(place, c.RunName(set))
	for _, w := range warnings {
		fmt.Fprintf(cli.Out, "note:          %s\n", w)
	}
	return nil
}
