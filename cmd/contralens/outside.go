package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"contralens/config"
	"contralens/data/sets"
	"contralens/nn/backbone"
)

// builtinDatasets is the number of datasets that the program has built in.
var builtinDatasets = len(config.Datasets)

// admitOutside lets options take the datasets and backbones that other packages have
// registered, and adds their names to the help.
func admitOutside(root *cobra.Command) {
	var backbones []string
	for _, name := range backbone.Names() {
		if _, known := backbone.FindResNet(name); !known {
			backbones = append(backbones, name)
		}
	}
	for _, name := range sets.Names() {
		if !slices.Contains(config.Datasets, name) {
			config.Datasets = append(config.Datasets, name)
		}
	}
	addToHelp(root, "arch", backbones)
	addToHelp(root, "dataset", config.Datasets[builtinDatasets:])
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
