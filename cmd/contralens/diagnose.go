package main

import (
	"encoding/json"

	"github.com/spf13/cobra"

	"contralens/cmd/internal/cli"
	"contralens/diagnose"
)

func diagnoseCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "diagnose RUN",
		Short: "Say why a training goes wrong, without labels",
		Long: `Say why a training goes wrong, from what it has recorded: the cause, the numbers that
show it and where they are, and which option to change. Where the evidence is mixed, it
says that it cannot tell, and what would tell. Trainings do the same while they run.
docs/diagnosis.md has the causes.`,
		Example: `  contralens diagnose save/run
  contralens diagnose save/run --json`,
		Args: cli.Arguments(1, "a run directory", "diagnose save/run"),
		RunE: func(_ *cobra.Command, args []string) error {
			c, err := diagnose.Read(args[0])
			if err != nil {
				return err
			}
			found := diagnose.Diagnose(c)
			if asJSON {
				return json.NewEncoder(cli.Out).Encode(map[string]any{"run": args[0], "diagnoses": found})
			}
			return diagnose.Write(cli.Out, c, found)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the diagnoses as JSON")
	return cmd
}
