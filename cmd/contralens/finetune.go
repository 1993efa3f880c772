package main

import (
	"github.com/spf13/cobra"

	"contralens/cmd/internal/cli"
	"contralens/config"
	"contralens/eval/protocol"
	"contralens/setup"
)

func finetuneCommand() *cobra.Command {
	c := config.DefaultFinetune()
	cmd := &cobra.Command{
		Use:   "finetune",
		Short: "Train a classifier together with the encoder",
		Args:  cli.NoArguments,
		Example: `  contralens finetune --ckpt save/run/current.pth --data_folder photos \
    --epochs 30 --cosine
  # 1 % of the labels, with a higher learning rate for the classifier
  contralens finetune --ckpt save/run/current.pth --data_folder photos \
    --label_fraction 0.01 --classifier_lr 0.2 --layer_decay 0.8
  # a long-tailed training set, a second stage with balanced classes (cRT),
  # and the τ-normalized classifier
  contralens finetune --ckpt save/run/current.pth --data_folder photos \
    --imbalance 100 --crt_epochs 10 --tau 0.7`,
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
		_, err = protocol.Finetune(ctx, c, o)
		return err
	}
	return cmd
}
