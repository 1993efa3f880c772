package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"contralens/config"
	"contralens/train"
)

func linearCommand() *cobra.Command {
	c := config.DefaultLinear()
	cmd := &cobra.Command{
		Use:   "linear",
		Short: "Train a linear classifier on a frozen encoder",
		Args:  noArguments,
		Example: `  contralens linear --method MoCov2 --ckpt save/run/current.pth --data_folder photos --n_class 10 --epochs 100 --lr_decay_epochs 60,80
  # in minutes: features computed once, the learning rate chosen by held-out training images
  contralens linear --ckpt save/run/current.pth --data_folder photos --cached --lr_sweep 0.1,1,10,30 --batch_size 256 --epochs 50 --cosine
  # in seconds: logistic regression on standardized features
  contralens linear --ckpt save/run/current.pth --data_folder photos --cached --solver lbfgs
  contralens linear --method MoCov2 --ckpt save/run/current.pth --dry-run`,
	}
	given := bind(cmd, &c)
	dry := cmd.Flags().Bool("dry_run", false, "say what would be done, and stop")
	cmd.RunE = func(*cobra.Command, []string) error {
		set, warnings, err := given()
		if err != nil {
			return err
		}
		if *dry {
			fmt.Print(config.YAML(&c))
			name := c.RunName(set)
			fmt.Printf("\nrun directory: %s\nTensorBoard:   %s\n", c.RunFolder(name), filepath.Join(c.TBPath, name))
			for _, w := range warnings {
				fmt.Printf("note:          %s\n", w)
			}
			return nil
		}
		return compute(c.Threads, func() error { return linear(&c, set, warnings) })
	}
	return cmd
}

// linear trains and reports the linear probe.
func linear(c *config.Linear, set map[string]bool, warnings []string) error {
	for _, w := range warnings {
		printNote(w)
	}
	name := c.RunName(set) // before the checkpoint's record sets options
	asked := 0
	if set["n_class"] {
		asked = c.NClass
	}
	k, err := openClassification(&c.Shared, set, c.Ckpt, c.UseEMA, asked, c.JSON)
	if err != nil {
		return err
	}
	defer k.close()
	c.NClass = len(k.classes)
	if err := k.prepare(c.RunFolder(name), c); err != nil {
		return err
	}
	ctx, done := interruptible(printNote)
	defer done()
	p := &probe{classification: k, c: c, metrics: map[string]any{}}
	defer p.close()
	err = p.train(ctx, filepath.Join(c.TBPath, name))
	if err == nil && c.Tau > 0 {
		err = p.tauNormalized(ctx)
	}
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		k.print("stopped outside the training; the same command with --resume auto goes on")
		return train.ErrStopped
	}
	if err != nil {
		return err
	}
	return k.finish(k.encoder.result(p.protocol, k.train.Name(), k.metrics(p.scores, p.metrics), c.Seed, k.options), p.scores, c.JSON)
}
