// Command contralens pre-trains image encoders by contrastive learning, evaluates them, and
// shows what the training does.
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"contralens/cmd/internal/cli"
	"contralens/eval/protocol"
	"contralens/internal/humanize"
	"contralens/setup"
	"contralens/train"
)

// Exit codes.
const (
	exitFailed  = 1
	exitUsage   = 2
	exitStopped = 75  // by a signal, with everything saved
	exitSignal  = 128 // plus the signal's number, as in shells: by a signal, without a result
)

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	setup.Note = printNote
	root := rootCommand()
	cli.Topics(root)
	root.SetArgs(args)
	root.SetOut(cli.Out)
	err := root.Execute()
	if lost := cli.OutputError(); lost != nil {
		if err == nil || errors.Is(err, cli.ErrPrinted) || errors.Is(err, errors.Unwrap(lost)) {
			err = lost
		}
	}
	err = cli.AsTyped(err)
	var stopped *signalError
	var children exited
	switch {
	case err == nil, errors.Is(err, cli.ErrPrinted):
		return 0
	case errors.Is(err, train.ErrStopped), errors.Is(err, protocol.ErrStopped):
		return exitStopped
	case errors.As(err, &children):
		return children.status // they have said why
	case errors.As(err, &stopped):
		printError(err)
		return stopped.code()
	}
	printError(err)
	if cli.WrongUsage(err) {
		return exitUsage
	}
	return exitFailed
}

// printError prints an error, which begins with the name of the program.
func printError(err error) {
	text := humanize.Lines(err.Error())
	if !strings.HasPrefix(text, "contralens ") { // or else it begins with the command
		text = "contralens: " + text
	}
	fmt.Fprintln(os.Stderr, text)
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "contralens",
		Short:         "Contrastive self-supervised learning that you can look into",
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return cli.NoCommand(c, args[0])
			}
			return c.Help()
		},
		Args: cobra.ArbitraryArgs,
	}
	root.SetFlagErrorFunc(cli.FlagError)
	root.AddCommand(
		demoCommand(), contrastCommand(), linearCommand(), finetuneCommand(), supervisedCommand(), predictCommand(),
		planCommand(), detectCommand(), reportCommand(), judgeCommand(), diagnoseCommand(), studyCommand(),
		knnCommand(), lookCommand(), dataCommand(), benchCommand(), scoresCommand(),
		serveCommand(), convertCommand(), inspectCommand(),
		featuresCommand(), neighborsCommand(), doctorCommand(), engineCommand(), versionCommand(), docsCommand(),
	)
	inOneProcess(root)
	cli.Groups(root)
	nameOutside(root)
	cli.WithConfig(root)
	return root
}
