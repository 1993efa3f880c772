package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"contralens/config"
)

// option lets pflag read and show a field of a configuration.
type option struct{ config.Field }

func (o option) Type() string       { return o.Field.Type() }
func (o option) String() string     { return o.Field.String() }
func (o option) Set(s string) error { return o.Field.Set(s) }

// bind makes a flag of every field of a configuration; - and _ are the same in
// its name. The function it returns reads --config, on which flags win, and
// tells which options the user gave.
func bind(c *cobra.Command, target any) (given func() (map[string]bool, error)) {
	flags := c.Flags()
	flags.SortFlags = false
	flags.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		return pflag.NormalizedName(strings.ReplaceAll(name, "-", "_"))
	})
	for _, f := range config.Fields(target) {
		if name := strings.ReplaceAll(f.Name, "-", "_"); f.IsBool() {
			flags.VarPF(option{f}, name, f.Short, f.Help).NoOptDefVal = "true"
		} else {
			flags.VarP(option{f}, name, f.Short, f.Help)
		}
	}
	file := flags.String("config", "", "YAML file with options; flags win")
	return func() (map[string]bool, error) {
		typed := map[string]string{}
		set := map[string]bool{}
		fields := config.Fields(target)
		for _, f := range fields {
			if flags.Changed(strings.ReplaceAll(f.Name, "-", "_")) {
				typed[f.Name] = f.String()
				set[f.Name] = true
			}
		}
		if *file == "" {
			return set, nil
		}
		names, err := config.ReadYAML(*file, target)
		if err != nil {
			return nil, usageError{err}
		}
		for _, n := range names {
			set[n] = true
		}
		for _, f := range fields {
			if text, ok := typed[f.Name]; ok {
				if err := f.Set(text); err != nil {
					return nil, usageError{fmt.Errorf("--%s: %w", f.Name, err)}
				}
			}
		}
		return set, nil
	}
}

func noArguments(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%s takes no arguments but options, got %q; %s --help lists them", c.CommandPath(), args[0], c.CommandPath())}
	}
	return nil
}
