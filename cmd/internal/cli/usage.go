package cli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"contralens/config"
	"contralens/data"
	"contralens/data/sets"
	"contralens/dist"
	"contralens/internal/option"
	"contralens/torch"
)

// usageError is a command line that cannot be run.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// WrongUsage reports whether an error is about the command line itself, whichever package
// found it: an option has a value that cannot work. A folder or file that is not as
// expected is not wrong usage.
func WrongUsage(err error) bool {
	var usage usageError
	var value *config.ValueError
	var field *option.Error
	var dataset *sets.OptionError
	var other *dist.Disagreement
	var port *dist.Occupied
	return errors.As(err, &usage) || errors.As(err, &value) || errors.As(err, &field) ||
		errors.As(err, &other) || errors.As(err, &port) ||
		errors.As(err, &dataset) && dataset.Value == "" && dataset.Option != sets.ClassList
}

// AsTyped rewords an error so that it names options as they are typed. Other packages name
// options by their fields.
func AsTyped(err error) error {
	var value *option.Error
	var dataset *sets.OptionError
	var images *data.TooManyUnreadable
	var device *torch.DeviceError
	var said, typed string // in the words of the package and of the command line
	switch {
	case errors.As(err, &value):
		said, typed = value.Error(), "--"+value.Error()
	case errors.As(err, &device):
		said, typed = device.Error(), "--"+device.Error()
	case errors.As(err, &dataset):
		said, typed = dataset.Error(), dataset.Named("--"+dataOptions[dataset.Option])
	case errors.As(err, &images):
		said = images.Error()
		typed = fmt.Sprintf("%s, and --max_bad %v allows %d: "+
			"remove them (contralens data stats lists them) or raise --max_bad; the last one is %v",
			images.Count(), images.Share, data.Allowed(images.Share, images.Images), images.Last)
	default:
		return err
	}
	return typedError{err, strings.Replace(err.Error(), said, typed, 1)}
}

// dataOptions has the options that the errors of datasets are about.
var dataOptions = map[sets.Option]string{
	sets.Name: "dataset", sets.Folder: "data_folder", sets.ClassList: "imagenet100path", sets.Imbalance: "imbalance",
}

// typedError is an error in the words of the command line.
type typedError struct {
	error
	text string
}

func (e typedError) Error() string { return e.text }
func (e typedError) Unwrap() error { return e.error }

// suggestion returns "; did you mean --x?" for a mistyped option, or "" if no option is
// near.
func suggestion(name string, flags *pflag.FlagSet) string {
	var all []string
	flags.VisitAll(func(f *pflag.Flag) { all = append(all, f.Name) })
	if near := config.Nearest(strings.ReplaceAll(name, "-", "_"), all); near != "" {
		return fmt.Sprintf("; did you mean --%s?", near)
	}
	return ""
}

// elsewhere says which other commands have an option of that name, or returns "".
func elsewhere(name string) string {
	commands := config.Having(name)
	if len(commands) == 0 {
		return ""
	}
	return fmt.Sprintf("; contralens %s;", config.Owners(commands))
}

// helpOf returns the command line that lists all options of a command.
func helpOf(c *cobra.Command) string {
	if c.Flags().Lookup(AllFlag) != nil {
		return c.CommandPath() + " --help --all"
	}
	return c.CommandPath() + " --help"
}

// FlagError explains why a flag cannot be parsed.
func FlagError(c *cobra.Command, err error) error {
	// A mistyped command is told before its options, which only that command has.
	if args := c.Flags().Args(); c.HasSubCommands() && len(args) > 0 {
		return NoCommand(c, args[0])
	}
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		name := unknown.GetSpecifiedName()
		if unknown.GetSpecifiedShortnames() != "" {
			return usageError{fmt.Errorf("there is no option -%s; %s lists the options", name, helpOf(c))}
		}
		hint := elsewhere(name)
		if hint == "" {
			hint = suggestion(name, c.Flags())
		}
		if hint == "" {
			hint = ";"
		}
		return usageError{fmt.Errorf("there is no option --%s%s %s lists the options", name, hint, helpOf(c))}
	}
	var empty *pflag.ValueRequiredError
	if errors.As(err, &empty) {
		return usageError{fmt.Errorf("--%s: want a value after it, got none; %s lists the options",
			empty.GetFlag().Name, helpOf(c))}
	}
	var invalid *pflag.InvalidValueError
	var number *strconv.NumError
	if errors.As(err, &invalid) && errors.As(err, &number) {
		want := map[bool]string{true: "a whole number", false: "a number"}[number.Func != "ParseFloat"]
		return usageError{fmt.Errorf("--%s: want %s, got %q; %s lists the options", invalid.GetFlag().Name, want,
			number.Num, helpOf(c))}
	}
	if errors.As(err, &invalid) {
		return usageError{fmt.Errorf("--%s: %w; %s lists the options", invalid.GetFlag().Name, invalid.Unwrap(), helpOf(c))}
	}
	return usageError{fmt.Errorf("%w; %s lists the options", err, helpOf(c))}
}

// Groups prepares commands that only group others: they show their help, and refuse names
// that are not commands.
func Groups(c *cobra.Command) {
	for _, sub := range c.Commands() {
		Groups(sub)
	}
	if c.Runnable() || !c.HasSubCommands() {
		return
	}
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return NoCommand(c, args[0])
		}
		return nil
	}
	c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
}

// Topics makes the commands that cobra adds, help and completion, refuse names that are not
// commands.
func Topics(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	root.InitDefaultHelpCmd()
	Groups(root)
	for _, help := range root.Commands() {
		if help.Name() != "help" {
			continue
		}
		show := help.Run
		help.Run, help.RunE = nil, func(c *cobra.Command, args []string) error {
			topic, rest, err := root.Find(args)
			if err != nil {
				return usageError{err}
			}
			if len(rest) > 0 {
				return NoCommand(topic, rest[0])
			}
			show(c, args)
			return nil
		}
	}
}

// NoCommand says which commands there are in place of the mistyped one.
func NoCommand(c *cobra.Command, mistyped string) error {
	var names []string
	for _, s := range c.Commands() {
		if !s.Hidden {
			names = append(names, s.Name())
		}
		if slices.Contains(s.SuggestFor, mistyped) {
			return usageError{fmt.Errorf("there is no command %q; did you mean %s?", mistyped, s.CommandPath())}
		}
	}
	if len(names) == 0 {
		return usageError{fmt.Errorf("%s has no commands, got %q; %s lists its options",
			c.CommandPath(), mistyped, helpOf(c))}
	}
	if near := config.Nearest(mistyped, names); near != "" {
		return usageError{fmt.Errorf("there is no command %q; did you mean %s %s?", mistyped, c.CommandPath(), near)}
	}
	return usageError{fmt.Errorf("there is no command %q; want %s and one of %s; each one has --help",
		mistyped, c.CommandPath(), strings.Join(names, ", "))}
}

// Wrong marks an error as wrong usage, for which the program exits with code 2.
func Wrong(err error) error { return usageError{err} }
