package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"contralens/cmd/internal/cli"
	"contralens/dashboard"
	"contralens/eval/report"
	"contralens/internal/durable"
)

// reportFormats has the format for each extension of the output file. Printing has none.
var reportFormats = map[string]string{"": "markdown", ".md": "markdown", ".csv": "csv", ".html": "html", ".htm": "html"}

// pageFormat is the format of the dashboard's page in one file.
const pageFormat = "page"

func reportCommand() *cobra.Command {
	var o report.Options
	var out, format string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "report DIR | RUN...",
		Short: "Print a table of the results in a directory, or save the page of runs to one file",
		Long: `With a directory of runs, print a table of their evaluations.

With run directories and -o FILE.html, save what the dashboard shows of them to
one file: curves, histograms, the 3-D view, the embedding, configuration and
diagnoses. The file opens from disk, needs no network, and has at most 3 MB: of
long runs it keeps fewer points, and says so. It contains the options, paths and
command line of the runs.`,
		Example: `  contralens report save
  contralens report save -o results.html
  # the page of one run, or of two to compare
  contralens report save/run -o run.html
  contralens report save/plain save/ft -o both.html`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return nil
			}
			return cli.Arguments(1, "a directory with runs", "report save")(c, args)
		},
		RunE: func(_ *cobra.Command, args []string) error {
			format, err := reportFormat(format, out, args)
			if err != nil {
				return cli.Wrong(err)
			}
			if format == pageFormat {
				return write(out, func(w io.Writer) error { return dashboard.SavePage(w, args, time.Now()) })
			}
			rows, err := report.Collect(args[0], o)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cli.Out).Encode(rows)
			}
			if out == "" {
				return report.Write(cli.Out, format, rows)
			}
			return write(out, func(w io.Writer) error { return report.Write(w, format, rows) })
		},
	}
	cmd.Flags().StringVarP(&out, "out", "o", "",
		"file to write instead of printing; its extension .md, .csv or .html sets the format")
	cmd.Flags().StringVar(&format, "format", "",
		"markdown, csv or html for a table, page for the page of runs; empty: that of the file's extension, "+
			"where .html of run directories is their page, otherwise markdown")
	cmd.Flags().BoolVar(&o.AllEpochs, "all_epochs", false,
		"list all evaluations of an encoder that was evaluated after several epochs, not only the untrained and the last one")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the rows as JSON")
	return cmd
}

// reportFormat returns the format of a report to a file, "" for printing. An HTML file of run
// directories is their page; of a directory with runs, it is a table.
func reportFormat(format, out string, args []string) (string, error) {
	given := format
	if format == "" {
		var ok bool
		if format, ok = reportFormats[strings.ToLower(filepath.Ext(out))]; !ok {
			return "", fmt.Errorf("-o: want a name that ends in .md, .csv or .html, or --format as well, got %s", out)
		}
	}
	other := func(dir string) bool { return !dashboard.IsRun(dir) }
	if given == "" && format == "html" && !slices.ContainsFunc(args, other) {
		format = pageFormat
	}
	formats := append(slices.Clone(report.Formats), pageFormat)
	switch {
	case !slices.Contains(formats, format):
		return "", fmt.Errorf("--format: want %s, got %q", strings.Join(formats, ", "), format)
	case format == pageFormat && out == "":
		return "", errors.New("--format page: want a file to write as well, as in -o run.html")
	case format != pageFormat && len(args) > 1:
		return "", fmt.Errorf("report: want one directory for a table, or run directories and -o FILE.html for a page, "+
			"got %s", strings.Join(args, " "))
	}
	return format, nil
}

// write writes the file of -o.
func write(out string, content func(io.Writer) error) error {
	if err := durable.Write(out, content); err != nil {
		return fmt.Errorf("-o %s: %w", out, err)
	}
	return nil
}
