package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"contralens/cmd/internal/cli"
	"contralens/internal/humanize"
	"contralens/viz"
)

func scoresCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "scores", Short: "Plot, export and compare the scores of trainings", Args: cli.NoArguments}
	cmd.AddCommand(scoresPlotCommand(), scoresExportCommand(), scoresReplayCommand(), scoresSweepCommand())
	return cmd
}

func scoresPlotCommand() *cobra.Command {
	var o viz.Options
	out := "figures"
	plot := &cobra.Command{
		Use:   "plot RUN...",
		Short: "Plot the scores of trainings: statistics, waterfalls, histograms",
		Long: `Plot the scores of one or more trainings:
- mean and variance of the positive and negative scores and of their exponentials, over
  the steps, on one page (scores) and in separate figures;
- with several runs, the same as waterfalls, with one run behind the other;
- histograms before and after the feature transformation, at some epochs;
- the effect of extrapolation on the measured positive scores.
The legend names the options in which the runs differ.

RUN is a run directory, or a directory with the score_EEE.npy files that the PyTorch
implementation writes.`,
		Example: `  contralens scores plot save/run -o figures
  contralens scores plot save/m-* --accuracy --style paper --format pdf \
    -o figures
  contralens scores plot save/plain save/ft --label "MoCo v2" \
    --label "MoCo v2 + FT" --title "CIFAR-10"`,
		Args: needRuns("scores plot"),
		RunE: func(_ *cobra.Command, runs []string) error {
			if _, err := viz.ParseStyle(o.Style); err != nil {
				return cli.Wrong(err)
			}
			switch {
			case o.Smooth < 0:
				return cli.Wrong(fmt.Errorf("--smooth: want 0 or more steps, got %d", o.Smooth))
			case len(o.Labels) > len(runs):
				return cli.Wrong(fmt.Errorf("--label: want at most one per run, got %d labels for %d runs",
					len(o.Labels), len(runs)))
			}
			files, err := viz.Plot(runs, out, o)
			printFigures(files, out)
			return err
		},
	}
	plot.Flags().StringVarP(&out, "out", "o", out, "folder for the figures")
	plot.Flags().StringVar(&o.Style, "style", "web", "size of figures and text: paper, slides or web")
	plot.Flags().StringSliceVar(&o.Formats, "format", []string{"png", "svg"}, "formats to write: png, svg, pdf")
	plot.Flags().BoolVar(&o.Accuracy, "accuracy", false, "show accuracies from results.jsonl in the legend")
	plot.Flags().IntSliceVar(&o.Epochs, "epochs", nil, "epochs to draw histograms of; empty: four, evenly spaced")
	plot.Flags().StringArrayVar(&o.Labels, "label", nil,
		"name of a run in the legend; give one per run, in the order of the runs")
	plot.Flags().StringSliceVar(&o.Only, "only", nil,
		"figures to draw, such as scores, waterfall, histograms, theory, neg_mean; empty: all")
	plot.Flags().IntVar(&o.Smooth, "smooth", 0, "length of the moving average in steps; 0: a fiftieth of the training")
	plot.Flags().StringVar(&o.Title, "title", "", "title of the pages")
	return plot
}

// printFigures names the figures to look at first, and counts the others.
func printFigures(files []string, folder string) {
	others := 0
	for _, f := range files {
		if viz.Main(f) || len(files) <= 6 {
			fmt.Fprintln(cli.Out, f)
		} else {
			others++
		}
	}
	if others > 0 {
		fmt.Fprintf(cli.Out, "and %s of single statistics in %s\n", humanize.Count(others, "file"), folder)
	}
}

// needRuns requires at least one run directory.
func needRuns(command string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cli.Wrong(fmt.Errorf("%s: want one or more run directories, got none; for example contralens %s save/run",
				command, command))
		}
		return nil
	}
}
