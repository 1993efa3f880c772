package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"contralens/viz"
)

func scoresCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "scores", Short: "Look at the scores of trainings", Args: noArguments}
	var o viz.Options
	out := "figures"
	plot := &cobra.Command{
		Use:   "plot RUN...",
		Short: "Draw mean and variance of negative and positive scores over training",
		Example: `  contralens scores plot save/run -o figures
  contralens scores plot save/plain save/ft --label "MoCo v2" --label "MoCo v2 + FT" -o figures`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{fmt.Errorf("scores plot: want one or more run directories, as %s", "contralens scores plot save/run -o figures")}
			}
			return nil
		},
		RunE: func(_ *cobra.Command, runs []string) error {
			files, err := viz.Plot(runs, out, o)
			for _, f := range files {
				fmt.Println(f)
			}
			return err
		},
	}
	plot.Flags().StringVarP(&out, "out", "o", out, "folder for the figures")
	plot.Flags().StringArrayVar(&o.Labels, "label", nil, "name of a run in the legend, in the order of the runs")
	plot.Flags().IntVar(&o.Smooth, "smooth", 0, "steps of the moving mean; 0: a fiftieth of the training")
	plot.Flags().StringVar(&o.Title, "title", "", "title of the picture with all four panels")
	cmd.AddCommand(plot)
	return cmd
}
