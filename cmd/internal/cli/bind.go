// Package cli binds structs of options to commands. It makes a flag of each field, prints
// help in groups, reads options from files, and words errors for the command line.
package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"contralens/config"
)

// flagValue makes a field of a configuration a pflag.Value.
type flagValue struct{ config.Field }

func (o flagValue) Type() string       { return o.Field.Type() }
func (o flagValue) String() string     { return o.Field.String() }
func (o flagValue) Set(s string) error { return o.Field.Set(s) }

// ErrPrinted ends a command that has printed its options instead of running.
var ErrPrinted = errors.New("options printed")

// resolver is a configuration that applies presets and checks its values.
type resolver interface {
	Resolve(set map[string]bool) (warnings []string, err error)
}

// Bind makes a flag of every option of a configuration, under its name and its former
// names; - and _ are the same in them. target is a pointer to the configuration.
//
// The returned function reads the file of --config, whose options flags override, resolves
// the configuration, and returns the names of the options that the user gave. With
// --print_config it prints the options, after notes as comments, and returns ErrPrinted.
func Bind(c *cobra.Command, target any) (given Given) { return BindSized(c, target, nil) }

// Given reads and resolves the options of a command.
type Given func() (set map[string]bool, warnings []string, err error)

// Line is what BindSized tells about a command line.
type Line struct {
	Set   map[string]bool // the options that were typed or are in the file
	Typed map[string]bool // the options that were typed
	File  string          // --config; "" if there is none
	Shows bool            // the options will be printed, and nothing will be run
}

// BindSized is Bind for options whose defaults depend on more than other options, such as
// the images. size sets them once all values are known to be possible. If it returns notes,
// it has set some, and the configuration is resolved again.
func BindSized(c *cobra.Command, target any, size func(Line) (notes []string, err error)) (given Given) {
	flags := c.Flags()
	flags.SortFlags = false
	all := config.Fields(target)
	flags.SetNormalizeFunc(canonical(all))
	for _, f := range all {
		flag := flags.VarPF(flagValue{f}, f.Name, f.Short, f.Help)
		if f.IsBool() {
			flag.NoOptDefVal = "true"
		}
		annotate(flag, f)
	}
	file := flags.String("config", "", configHelp)
	show := flags.Bool("print_config", false, showHelp)
	every := new(bool)
	if slices.ContainsFunc(all, func(f config.Field) bool { return !f.Everyday && !f.Hidden }) {
		flags.BoolVar(every, AllFlag, false, "with --help: list all options, in groups")
	}
	c.SetUsageFunc(usage)
	return func() (set map[string]bool, warnings []string, err error) {
		if *every {
			hint := c.CommandPath() + " --help --all lists all options"
			return nil, nil, usageError{&config.ValueError{Option: AllFlag, Want: "--help with it", Hint: hint}}
		}
		if set, err = readOptions(flags, *file, target); err != nil {
			return nil, nil, usageError{fmt.Errorf("%s: %w", c.CommandPath(), err)}
		}
		unread := unreadOptions(c, all, set)
		var chosen []string
		if r, ok := target.(resolver); ok {
			if warnings, err = r.Resolve(set); err != nil {
				return nil, nil, usageError{err}
			}
			if size != nil {
				typed := map[string]bool{}
				for _, f := range all {
					typed[f.Name] = flags.Changed(f.Name)
				}
				if chosen, err = size(Line{set, typed, *file, *show}); err != nil {
					return nil, nil, err
				}
			}
			if len(chosen) > 0 {
				if warnings, err = r.Resolve(set); err != nil {
					return nil, nil, usageError{err}
				}
			}
		}
		if *show {
			for _, w := range chosen {
				fmt.Fprintln(Out, "# note:", w)
			}
			fmt.Fprint(Out, config.YAML(target))
			return nil, nil, ErrPrinted
		}
		return set, slices.Concat(unread, chosen, warnings), nil
	}
}

// unreadOptions returns a note about options that the user gave and that the command
// accepts but does not read, if there are any.
func unreadOptions(c *cobra.Command, all []config.Field, set map[string]bool) []string {
	var names []string
	for _, f := range all {
		if f.Ignored && set[f.Name] && f.Changed() {
			names = append(names, "--"+f.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s does not read %s: accepted for compatibility with other programs",
		c.CommandPath(), strings.Join(names, ", "))}
}

// AllFlag is the flag with which --help lists all options.
const AllFlag = "all"

const (
	configHelp = "YAML file with options, or the name of a recipe; flags override it"
	showHelp   = "print all options as YAML and stop"
)

// canonical returns a function that replaces former names and dashes by the flags' names.
func canonical(fields []config.Field) func(*pflag.FlagSet, string) pflag.NormalizedName {
	now := map[pflag.NormalizedName]pflag.NormalizedName{}
	for _, f := range fields {
		for _, was := range f.Aliases {
			now[dashes(nil, was)] = dashes(nil, f.Name)
		}
	}
	return func(flags *pflag.FlagSet, name string) pflag.NormalizedName {
		given := dashes(flags, name)
		if name, renamed := now[given]; renamed {
			return name
		}
		return given
	}
}

func dashes(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	return pflag.NormalizedName(strings.ReplaceAll(name, "-", "_"))
}

// readOptions sets the options of target from a file, if there is one, except those that
// were typed. It returns the options that the file or the command line gave.
func readOptions(flags *pflag.FlagSet, file string, target any) (map[string]bool, error) {
	typed := map[string]string{}
	set := map[string]bool{}
	fields := config.Fields(target)
	for _, f := range fields {
		if flags.Changed(f.Name) {
			typed[f.Name] = f.String()
			set[f.Name] = true
		}
	}
	if file == "" {
		return set, nil
	}
	names, err := config.ReadYAML(file, target)
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		set[n] = true
	}
	for _, f := range fields {
		if text, ok := typed[f.Name]; ok {
			if err := f.Set(text); err != nil {
				return nil, fmt.Errorf("--%s: %w", f.Name, err)
			}
		}
	}
	return set, nil
}

// WithConfig adds --config and --print_config to commands whose options are plain flags
// and not the fields of a configuration.
func WithConfig(c *cobra.Command) {
	for _, sub := range c.Commands() {
		WithConfig(sub)
	}
	if !c.Runnable() || !c.HasParent() || c.HasSubCommands() || c.Hidden {
		return
	}
	flags := c.Flags()
	// --print_config works without the arguments that running needs.
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if show, err := flags.GetBool("print_config"); show && err == nil {
				return nil
			}
			return check(c, args)
		}
	}
	if flags.Lookup("config") != nil {
		return
	}
	flags.SetNormalizeFunc(dashes)
	flags.SortFlags = false
	c.SetUsageFunc(usage)
	file := flags.String("config", "", configHelp)
	show := flags.Bool("print_config", false, showHelp)
	inner := c.RunE
	if inner == nil {
		run := c.Run
		inner = func(c *cobra.Command, args []string) error { run(c, args); return nil }
	}
	c.Run, c.RunE = nil, func(c *cobra.Command, args []string) error {
		if err := readFlags(flags, *file); err != nil {
			return usageError{fmt.Errorf("%s: %w", c.CommandPath(), err)}
		}
		if *show {
			flags.VisitAll(func(f *pflag.Flag) {
				if f.Name == "config" || f.Name == "print_config" || f.Name == "help" {
					return
				}
				text := f.Value.String()
				if list, ok := f.Value.(pflag.SliceValue); ok {
					text = strings.Join(list.GetSlice(), ",")
				}
				fmt.Fprintf(Out, "%s: %s\n", f.Name, strconv.Quote(text))
			})
			return ErrPrinted
		}
		return inner(c, args)
	}
}

// readFlags sets the flags that a file names, except those that were typed.
func readFlags(flags *pflag.FlagSet, file string) error {
	if file == "" {
		return nil
	}
	values, err := config.ReadValues(file)
	if err != nil {
		return err
	}
	for name, text := range values {
		f := flags.Lookup(name)
		if f == nil {
			return fmt.Errorf("--config %s: there is no option %q%s", file, name, suggestion(name, flags))
		}
		if f.Changed || text == "" {
			continue
		}
		set := f.Value.Set
		if list, ok := f.Value.(pflag.SliceValue); ok {
			set = func(s string) error { return list.Replace(strings.Split(s, ",")) }
		}
		if err := set(text); err != nil {
			return fmt.Errorf("--config %s: %s: %w", file, name, err)
		}
	}
	return nil
}

// Arguments requires n arguments. what describes them, and example is a command line with
// them.
func Arguments(n int, what, example string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != n {
			got := fmt.Sprintf("%d arguments", len(args))
			if len(args) == 1 {
				got = "one argument"
			}
			return usageError{fmt.Errorf("%s: want %s, got %s; for example contralens %s", c.CommandPath(), what, got, example)}
		}
		return nil
	}
}

// NoArguments refuses arguments. If the first one is a path, the error names the option for
// it.
func NoArguments(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		hint := c.CommandPath() + " --help lists its options"
		info, err := os.Stat(args[0])
		switch {
		case err == nil && info.Mode().IsRegular() && c.Flags().Lookup("ckpt") != nil:
			hint = "--ckpt takes one checkpoint, so a pattern such as save/*/current.pth must fit only one"
		case err == nil && c.Flags().Lookup("data_folder") != nil:
			hint = "for images write --data_folder " + args[0]
		}
		return usageError{fmt.Errorf("%s takes no arguments, got %q; %s", c.CommandPath(), args[0], hint)}
	}
	return nil
}
