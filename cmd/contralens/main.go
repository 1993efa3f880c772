// Command contralens pre-trains image encoders by contrast and shows what the
// training does.
package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"contralens/data"
	"contralens/data/sets"
	"contralens/eval/protocol"
	"contralens/nn"
	"contralens/train"
)

// Exit codes.
const (
	exitFailed  = 1
	exitUsage   = 2
	exitStopped = 75  // by a signal, with everything saved
	exitSignal  = 128 // and the signal's number, as shells have it: by a signal, without a result
)

// usageError is a command line that cannot be run.
type usageError struct{ error }

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	root := rootCommand()
	root.SetArgs(args)
	err := asTyped(root.Execute())
	var usage usageError
	var stopped *signalError
	switch {
	case err == nil, errors.Is(err, errPrinted):
		return 0
	case errors.Is(err, train.ErrStopped), errors.Is(err, protocol.ErrStopped):
		return exitStopped
	case errors.As(err, &stopped):
		fmt.Fprintln(os.Stderr, "contralens:", err)
		return stopped.code()
	case errors.As(err, &usage) || wrongValue.MatchString(err.Error()):
		fmt.Fprintln(os.Stderr, "contralens:", err)
		return exitUsage
	}
	fmt.Fprintln(os.Stderr, "contralens:", err)
	return exitFailed
}

// asTyped writes the option that an error is about the way it is typed.
func asTyped(err error) error {
	var value *nn.OptionError
	var dataset *sets.OptionError
	var images *data.TooManyUnreadable
	var said, typed string // in the error's words and in the command line's
	switch {
	case errors.As(err, &value):
		said, typed = value.Error(), "--"+value.Error()
	case errors.As(err, &dataset):
		said, typed = dataset.Error(), dataset.Named("--"+dataOptions[dataset.Option])
	case errors.As(err, &images):
		said = images.Error()
		typed = fmt.Sprintf("%d of %d images cannot be read, and --max_bad %v allows %d: "+
			"remove them (contralens data stats lists them) or raise --max_bad; the last is %v",
			images.Unreadable, images.Images, images.Share, data.Allowed(images.Share, images.Images), images.Last)
	default:
		return err
	}
	return typedError{err, strings.Replace(err.Error(), said, typed, 1)}
}

// dataOptions are the options that errors of a dataset are about.
var dataOptions = map[sets.Option]string{
	sets.Name: "dataset", sets.Folder: "data_folder", sets.ClassList: "imagenet100path", sets.Imbalance: "imbalance",
}

// typedError is an error in the command line's words.
type typedError struct {
	error
	text string
}

func (e typedError) Error() string { return e.text }
func (e typedError) Unwrap() error { return e.error }

// wrongValue is how packages below say that an option's value is not one of
// those it can have: wrong usage, whoever finds it.
var wrongValue = regexp.MustCompile("^--[a-z_-]+: want ")

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "contralens",
		Short:         "Contrastive pre-training that you can look into",
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return noCommand(c, args[0])
			}
			return c.Help()
		},
		Args: cobra.ArbitraryArgs,
	}
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(contrastCommand(), linearCommand(), finetuneCommand(), supervisedCommand(), predictCommand(), reportCommand(), knnCommand(), dataCommand(), benchCommand(), scoresCommand(), serveCommand(), convertCommand(), inspectCommand(), featuresCommand(), neighborsCommand(), doctorCommand(), versionCommand(), docsCommand())
	groups(root)
	admitOutside(root)
	withConfig(root)
	return root
}
