package main

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"contralens/cmd/internal/cli"
	"contralens/internal/libtorch"
	"contralens/torch"
	"contralens/torch/engine"
)

func engineCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "engine",
		Short: "Connect the program with another libtorch",
		Long: "An engine is a small library that connects the program with one libtorch. The program that make build\n" +
			"makes has one inside. This command builds others, which needs g++ and no Go. A program without an\n" +
			"engine inside loads the one built last; the environment variable " + engine.Variable + " chooses\n" +
			"another by its version or path.",
	}
	cmd.AddCommand(engineBuildCommand(), engineListCommand())
	return cmd
}

func engineBuildCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "build [FOLDER]",
		Short: "Build the engine for a libtorch, which takes about a minute",
		Args:  cobra.MaximumNArgs(1),
		Example: "  contralens engine build                    # for pip's torch, of the python3 on the PATH\n" +
			"  contralens engine build ~/libtorch         # for an unpacked archive or a wheel's folder\n" +
			"  contralens engine build debian             # for Debian's libtorch-dev",
	}
	where := cmd.Flags().String("torch", libtorch.Auto,
		"another way to name the folder; auto: that of the python3 on the PATH")
	out := cmd.Flags().StringP("output", "o", "", "folder for the library (default: one for each libtorch in the cache folder)")
	cmd.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 1 {
			*where = args[0]
		}
		found, err := libtorch.Find(*where)
		if err != nil {
			return err
		}
		if warning := found.Version.Warning(); warning != "" {
			printNote(warning)
		}
		folder := *out
		if folder == "" {
			if folder, err = engine.CacheFolder(found); err != nil {
				return err
			}
		}
		begin := time.Now()
		var progress func(done, all int)
		if term.IsTerminal(int(os.Stderr.Fd())) {
			progress = func(done, all int) { fmt.Fprintf(os.Stderr, "\r\033[K%d of %d files are compiled", done, all) }
			defer fmt.Fprint(os.Stderr, "\r\033[K")
		}
		e, err := engine.Build(c.Context(), found, folder, progress)
		if err != nil {
			return err
		}
		fmt.Fprintf(cli.Out, "engine for %s: %s, %.0f s\n", e, e.Path, time.Since(begin).Seconds())
		return nil
	}
	return cmd
}

func engineListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the engines; * marks the one in use",
		Args:    cli.NoArguments,
		Example: "  contralens engine list",
		RunE: func(*cobra.Command, []string) error {
			used, failed := torch.Engine()
			list, err := engine.List()
			if err != nil {
				return err
			}
			if used == nil && failed == nil {
				fmt.Fprintf(cli.Out, "* linked     libtorch %s (make build makes a program that loads engines)\n", torch.Version())
			}
			if used != nil && used.Path == "" {
				fmt.Fprintf(cli.Out, "* inside     %s\n", used)
			}
			for _, e := range list {
				mark, state := " ", ""
				if used != nil && used.Path == e.Path {
					mark = "*"
				}
				if !e.Fits() {
					state = ", of another version of the program"
				}
				fmt.Fprintf(cli.Out, "%s %s %s%s: %s\n", mark, e.Built.Local().Format(time.DateOnly), e, state, e.Path)
			}
			if failed != nil {
				printNote(fmt.Sprintf("none is in use: %v", failed))
			}
			return nil
		},
	}
}
