package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
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
	cmd.AddCommand(engineBuildCommand(), engineListCommand(), engineTryCommand())
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
	out := cmd.Flags().StringP("output", "o", "", "folder for the library (default: one for each libtorch in the cache folder)")
	cmd.RunE = func(c *cobra.Command, args []string) error {
		where := libtorch.Auto
		if len(args) == 1 {
			where = args[0]
		}
		if where == "" {
			return errors.New("engine build: want a folder, auto or debian, got an empty name; is a variable not set?")
		}
		found, err := libtorch.Find(where)
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
		e, err := engine.Build(c.Context(), found, folder, engine.Steps{Progress: progress, Check: tryEngine(c.Context())})
		if err != nil {
			return err
		}
		fmt.Fprintf(cli.Out, "engine for %s: %s, %.0f s\n", e, e.Path, time.Since(begin).Seconds())
		if !torch.Linked {
			fmt.Fprint(cli.Out, useLine(e, torch.Inside()))
		}
		return nil
	}
	return cmd
}

// useLine says how to use an engine that a program does not choose by itself, as the one inside
// comes first. It is "" for one that is chosen.
func useLine(built engine.Engine, inside *engine.Engine) string {
	chosen, err := engine.Choose(inside)
	if err == nil && chosen.Path == built.Path {
		return ""
	}
	name := built.Libtorch
	if folder, err := engine.Cache(); err != nil || !strings.HasPrefix(built.Path, folder+string(filepath.Separator)) {
		name = built.Path // -o named a folder elsewhere
		if path, err := filepath.Abs(name); err == nil {
			name = path
		}
	}
	use := fmt.Sprintf("to use the new one: export %s=%s\n", engine.Variable, name)
	if err != nil {
		return use
	}
	return fmt.Sprintf("in use is still the engine for %s; %s", chosen, use)
}

// tryEngine returns a function that tries an engine in a process of its own. A program that is
// linked with libtorch can't load another one.
func tryEngine(ctx context.Context) func(engine.Engine) error {
	if torch.Linked {
		return nil
	}
	return func(e engine.Engine) error {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		return tried(exec.CommandContext(ctx, self, "engine", "try"), e)
	}
}

// tried runs a command that uses an engine. The error is what it says last.
func tried(c *exec.Cmd, e engine.Engine) error {
	c.Env = append(os.Environ(), engine.Variable+"="+e.Path)
	out, err := c.CombinedOutput()
	if err == nil {
		return nil
	}
	text := strings.TrimSpace(string(out))
	last := text[strings.LastIndex(text, "\n")+1:]
	if said, ok := strings.CutPrefix(last, "contralens: "); ok && c.ProcessState.ExitCode() == exitFailed {
		return errors.New(said)
	}
	return fmt.Errorf("a program that loads it ends with %w", err)
}

// engineTryCommand is what engine build runs to try an engine.
func engineTryCommand() *cobra.Command {
	return &cobra.Command{
		Use: "try", Short: "Load the engine and compute a product", Hidden: true, Args: cli.NoArguments,
		RunE: func(*cobra.Command, []string) error {
			return torch.Run(func() error {
				torch.Scoped(func() { torch.Ones([]int{2, 2}).Mm(torch.Ones([]int{2, 2})).Float32s() })
				return nil
			})
		},
	}
}

func engineListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the engines; * marks the one in use",
		Args:    cli.NoArguments,
		Example: "  contralens engine list",
		RunE: func(*cobra.Command, []string) error {
			used, failed := torch.Engine()
			if torch.Linked {
				fmt.Fprintf(cli.Out, "* linked     libtorch %s (make build makes a program that loads engines)\n", torch.Version())
			}
			if inside := torch.Inside(); inside != nil {
				fmt.Fprintf(cli.Out, "%s inside     %s\n", marked(used != nil && used.Path == ""), inside)
			}
			list, damaged, err := engine.List()
			if named := os.Getenv(engine.Variable); used != nil && used.Path != "" &&
				!slices.ContainsFunc(list, func(e engine.Engine) bool { return e.Path == used.Path }) {
				fmt.Fprintf(cli.Out, "* named      %s: %s\n", used, named)
			}
			for _, e := range list {
				state := ""
				if !e.Fits() {
					state = ", of another version of the program"
				}
				mark := marked(used != nil && used.Path == e.Path)
				fmt.Fprintf(cli.Out, "%s %s %s%s: %s\n", mark, e.Built.Local().Format(time.DateOnly), e, state, e.Path)
			}
			for _, d := range damaged {
				printNote(d.Error())
			}
			if err != nil {
				printNote(err.Error())
			}
			if failed != nil {
				printNote(fmt.Sprintf("none is in use: %v", failed))
			}
			return nil
		},
	}
}

func marked(used bool) string {
	if used {
		return "*"
	}
	return " "
}
