package main

import (
	"github.com/spf13/cobra"

	"contralens/cmd/internal/cli"
	"contralens/config"
	"contralens/eval/protocol"
	"contralens/setup"
)

func supervisedCommand() *cobra.Command {
	c := config.DefaultSupervised()
	cmd := &cobra.Command{
		Use:   "supervised",
		Short: "Train an encoder and a classifier with labels, for comparison",
		Args:  cli.NoArguments,
		Example: `  contralens supervised --data_folder imagenet --dataset imagenet --arch resnet50
  # a small network on small images
  contralens supervised --data_folder cifar10 --arch resnet18 --width 0.25 \
    --stem cifar --input_res 32 --crop 0.2 --epochs 20 --cosine`,
	}
	given := cli.Bind(cmd, &c)
	cmd.RunE = func(*cobra.Command, []string) error {
		set, warnings, err := given()
		if err != nil {
			return err
		}
		warnings = append(warnings, setup.ScheduleNotes(c.Optim, false, false)...)
		var p started
		if ended, err := p.join(&c.Dist, nil); ended || err != nil {
			return err
		}
		ctx, o, done := evaluation(set, warnings, c.JSON, p)
		defer done()
		_, err = protocol.Supervised(ctx, c, o)
		return err
	}
	return cmd
}
