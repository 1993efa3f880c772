package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"contralens/config"
	"contralens/data/sets"
	"contralens/nn/backbone"
)

// nameOutside names in the help of options what packages from outside have registered.
func nameOutside(root *cobra.Command) {
	var backbones []string
	for _, name := range backbone.Names() {
		if _, known := backbone.FindResNet(name); !known {
			backbones = append(backbones, name)
		}
	}
	builtin := func(name string) bool { return slices.Contains(config.Datasets, name) }
	addToHelp(root, "arch", backbones)
	addToHelp(root, "dataset", slices.DeleteFunc(sets.Names(), builtin))
}

// addToHelp adds names to the help of an option in all commands that have it.
func addToHelp(c *cobra.Command, option string, names []string) {
	if len(names) == 0 {
		return
	}
	for _, sub := range c.Commands() {
		addToHelp(sub, option, names)
	}
	if f := c.Flags().Lookup(option); f != nil {
		f.Usage += "; registered by other packages: " + strings.Join(names, ", ")
	}
}
