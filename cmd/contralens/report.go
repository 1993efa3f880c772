package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"contralens/cmd/internal/cli"
	"contralens/eval/report"
	"contralens/internal/durable"
)

// reportFormats has the format for each extension of the output file. Printing has none.
var reportFormats = map[string]string{"": "markdown", ".md": "markdown", ".csv": "csv", ".html": "html", ".htm": "html"}

func reportCommand() *cobra.Command {
	var o report.Options
	var out, format string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "report DIR",
		Short: "Print a table of the results of all runs in a directory",
		Example: `  contralens report save
  contralens report save -o results.html`,
		Args: cli.Arguments(1, "a directory with runs", "report save"),
		RunE: func(_ *cobra.Command, args []string) error {
			if format == "" {
				var ok bool
				if format, ok = reportFormats[strings.ToLower(filepath.Ext(out))]; !ok {
					return cli.Wrong(fmt.Errorf("-o: want a name that ends in .md, .csv or .html, or --format as well, got %s",
						out))
				}
			}
			if !slices.Contains(report.Formats, format) {
				return cli.Wrong(fmt.Errorf("--format: want %s, got %q", strings.Join(report.Formats, ", "), format))
			}
			rows, err := report.Collect(args[0], o)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(os.Stdout).Encode(rows)
			}
			if out == "" {
				return report.Write(os.Stdout, format, rows)
			}
			if err := durable.Write(out, func(w io.Writer) error { return report.Write(w, format, rows) }); err != nil {
				return fmt.Errorf("-o %s: %w", out, err)
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&out, "out", "o", "",
		"file to write instead of printing; its extension .md, .csv or .html sets the format")
	cmd.Flags().StringVar(&format, "format", "",
		"markdown, csv or html; empty: that of the file's extension, otherwise markdown")
	cmd.Flags().BoolVar(&o.AllEpochs, "all_epochs", false,
		"list all evaluations of an encoder that was evaluated after several epochs, not only the last one")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the rows as JSON")
	return cmd
}
