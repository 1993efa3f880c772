package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"contralens/cmd/internal/cli"
	"contralens/internal/version"
	"contralens/torch"
)

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the versions of the program and of its libraries",
		Args:  cli.NoArguments,
		Run: func(*cobra.Command, []string) {
			fmt.Fprintf(cli.Out, "contralens %s (commit %s, libtorch %s, %s)\n",
				version.Number(), version.Commit(), torch.Version(), runtime.Version())
			if err := torch.Load(); err != nil {
				printNote(err.Error())
			}
		},
	}
}
