package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"contralens/cmd/internal/cli"
	"contralens/features/spectrum"
	"contralens/scores"
	"contralens/scores/export"
)

func scoresExportCommand() *cobra.Command {
	format, out, rows := "csv", "export", 1000
	cmd := &cobra.Command{
		Use:   "export RUN",
		Short: "Write the scores of a training as CSV, Parquet or npz",
		Long: `Write the scores of a training for other programs: every statistic of every step, and
the histograms. CSV and Parquet have two tables (scores and histograms), npz has one
file with arrays. If the spectrum of the features was measured, or a probe set was kept
of which it can be, its measures after each epoch are one more file (spectra).`,
		Example: `  contralens scores export save/run --format parquet -o run-scores
  contralens scores export pytorch/scores --format npz`,
		Args: cli.Arguments(1, "one run directory", "scores export save/run"),
		RunE: func(_ *cobra.Command, args []string) error {
			if !slices.Contains(export.Formats, format) {
				return cli.Wrong(fmt.Errorf("--format: want one of %s, got %q", strings.Join(export.Formats, ", "), format))
			}
			s, err := scores.Open(args[0])
			if err != nil {
				return err
			}
			files, err := export.Write(s, out, format, rows)
			if err == nil {
				var more []string
				more, err = exportSpectra(args[0], out, format)
				files = append(files, more...)
			}
			if err != nil {
				return err
			}
			for _, f := range files {
				fmt.Fprintln(cli.Out, f)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&format, "format", format, "csv, parquet or npz")
	cmd.Flags().StringVarP(&out, "out", "o", out, "folder for the files")
	cmd.Flags().IntVar(&rows, "rows", rows, "largest number of histogram rows; each row sums neighboring steps")
	return cmd
}

// exportSpectra writes the measures of a run's features, if it has any.
func exportSpectra(run, out, format string) ([]string, error) {
	lines, err := spectrum.Of(run, nil)
	if err != nil || len(lines) == 0 {
		return nil, err
	}
	return export.WriteSpectra(lines, out, format)
}
