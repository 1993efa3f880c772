package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"contralens/cmd/internal/cli"
	"contralens/eval/judge"
	"contralens/viz"
)

func judgeCommand() *cobra.Command {
	var out, format string
	cmd := &cobra.Command{
		Use:   "judge DIR",
		Short: "Rank trainings, or the epochs of one, without labels",
		Long: `Rank the trainings below a directory, or the epochs of one run, without labels: by the
effective rank of the embeddings (RankMe, LiDAR) and by uniformity (W₂) and relative
alignment of the features, which trainings measure (--spectrum of contrast). The score is
the mean of the ranks by each measure. Across methods relative alignment alone ranks.
Where the measures disagree, it says that it cannot tell. It names sure diagnoses
(contralens diagnose); they change no rank. Where results of k-NN or of probes exist, it
says how well the ranking fits them, and what the stop rule (--stop of contrast) would
have saved.`,
		Example: `  contralens judge save/run
  contralens judge save
  contralens judge studies/judge-cifar10 -o judge.md
  contralens judge studies/judge-cifar10 -o judge.png`,
		Args: cli.Arguments(1, "a run directory, or a directory with runs", "judge save"),
		RunE: func(_ *cobra.Command, args []string) error {
			extension := strings.TrimPrefix(strings.ToLower(filepath.Ext(out)), ".")
			figure := format == "" && slices.Contains(viz.Formats, extension)
			if format == "" {
				known := map[string]string{"csv": "csv", "json": "json", "md": "markdown", "txt": "markdown", "": "markdown"}
				if format = known[extension]; format == "" && !figure {
					return cli.Wrong(fmt.Errorf("--out: want a name that ends in .md, .csv, .json, .png, .svg or .pdf, "+
						"or --format, got %q", out))
				}
			}
			if !figure && !slices.Contains(judge.Formats, format) {
				return cli.Wrong(fmt.Errorf("--format: want %s, got %q", strings.Join(judge.Formats, ", "), format))
			}
			report, err := judge.Judge(args[0])
			if nothing := (*judge.Nothing)(nil); err != nil && (out == "" || !errors.As(err, &nothing)) {
				return err
			}
			if out == "" {
				return judge.Write(cli.Out, format, report)
			}
			if figure && err != nil {
				return err
			}
			if figure {
				err = drawJudge(out, report)
			} else {
				// The file says so if nothing could be ranked: an older one would be taken for the answer.
				err = errors.Join(err, write(out, func(w io.Writer) error { return judge.Write(w, format, report) }))
			}
			if err == nil {
				fmt.Fprintln(cli.Out, "written:", out)
			}
			return err
		},
	}
	cmd.Flags().StringVarP(&out, "out", "o", "",
		"file to write instead of printing; its extension .md, .csv or .json sets the format; "+
			".png, .svg or .pdf: a figure of accuracies by score")
	cmd.Flags().StringVar(&format, "format", "",
		"markdown, csv or json; empty: that of the file's extension, otherwise markdown")
	return cmd
}
