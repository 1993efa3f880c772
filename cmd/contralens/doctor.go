package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"contralens/cmd/internal/cli"
	"contralens/internal/doctor"
	"contralens/internal/version"
)

func doctorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "doctor",
		Short:   "Check what this machine has and what is missing",
		Args:    cli.NoArguments,
		Example: "  contralens doctor",
	}
	asJSON := cmd.Flags().Bool("json", false, "print the findings as JSON")
	measure := cmd.Flags().Bool("measure", false, "measure each GPU, in some seconds: uploads and matrix products")
	cmd.RunE = func(*cobra.Command, []string) error {
		found := doctor.Examine(version.Commit())
		if *measure {
			found = append(found, doctor.Measure()...)
		}
		problems := 0
		for _, f := range found {
			if f.Problem != "" {
				problems++
			}
			if *asJSON {
				continue
			}
			fmt.Fprintf(cli.Out, "%-14s %s\n", f.What, f.Found)
			if f.Problem != "" {
				fmt.Fprintf(cli.Out, "%-14s ! %s\n", "", f.Problem)
			}
		}
		if *asJSON {
			if err := json.NewEncoder(cli.Out).Encode(found); err != nil {
				return err
			}
		}
		if problems > 0 {
			return fmt.Errorf("%d problem(s) found, marked with ! above", problems)
		}
		if !*asJSON {
			fmt.Fprintln(cli.Out, "no problems found")
		}
		return nil
	}
	return cmd
}
