package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"contralens/config"
	"contralens/torch"
)

func linearCommand() *cobra.Command {
	c := config.DefaultLinear()
	cmd := &cobra.Command{
		Use:   "linear",
		Short: "Train a linear classifier on a frozen encoder",
		Args:  noArguments,
		Example: `  contralens linear --method MoCov2 --ckpt save/run/current.pth --data_folder photos --n_class 10 --epochs 100 --lr_decay_epochs 60,80
  contralens linear --method MoCov2 --ckpt save/run/current.pth --dry-run`,
	}
	given := bind(cmd, &c)
	dry := cmd.Flags().Bool("dry_run", false, "say what would be done, and stop")
	cmd.RunE = func(*cobra.Command, []string) error {
		set, err := given()
		if err != nil {
			return err
		}
		warnings, err := c.Resolve(set)
		if err != nil {
			return usageError{err}
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
		if c.Threads > 0 {
			torch.SetThreads(c.Threads)
		}
		return torch.Run(func() error { return linear(&c, set, warnings) })
	}
	return cmd
}
