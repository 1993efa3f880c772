package main

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"contralens/config"
)

func supervisedCommand() *cobra.Command {
	c := config.DefaultSupervised()
	cmd := &cobra.Command{
		Use:   "supervised",
		Short: "Train encoder and classifier from labels alone, for comparison",
		Args:  noArguments,
		Example: `  contralens supervised --data_folder D --dataset imagenet --arch resnet50
  # the same network and images as a small pre-training
  contralens supervised --data_folder cifar10 --arch resnet18 --width 0.25 --stem cifar --input_res 32 --crop 0.2 --epochs 20 --cosine`,
	}
	given := bind(cmd, &c)
	cmd.RunE = func(*cobra.Command, []string) error {
		set, warnings, err := given()
		if err != nil {
			return err
		}
		for _, w := range warnings {
			printNote(w)
		}
		return compute(c.Threads, func() error { return supervised(&c, set) })
	}
	return cmd
}

// supervised is a fine-tuning of an untrained encoder, under its own name.
func supervised(c *config.Supervised, set map[string]bool) error {
	name := c.RunName()
	k, err := openTraining(&c.Shared, set, "", false, c.NClass, c.JSON, name)
	if err != nil {
		return err
	}
	defer k.close()
	if err := k.prepare(c.RunFolder(name), c); err != nil {
		return err
	}
	ctx, done := interruptible(printNote)
	defer done()
	f := c.Finetune()
	return (&tuning{k, &f, "supervised"}).train(ctx, filepath.Join(c.TBPath, name))
}
