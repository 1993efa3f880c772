package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"contralens/internal/version"
	"contralens/torch"
)

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the versions",
		Args:  noArguments,
		Run: func(*cobra.Command, []string) {
			fmt.Printf("contralens %s, libtorch %s, %s\n", version.Commit(), torch.Version(), runtime.Version())
		},
	}
}
