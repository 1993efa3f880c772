package main

import "github.com/spf13/cobra"

func benchCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "bench", Short: "Measure how fast this machine is"}
	cmd.AddCommand(benchStepCommand(), benchDetectCommand(), benchViewsCommand(), benchDiagnoseCommand())
	return cmd
}
