package main

import (
	"strings"

	"github.com/spf13/cobra"

	"contralens/nn/backbone"
)

// backbonesInHelp adds to the help of --arch the backbones that packages from outside
// have registered.
func backbonesInHelp(c *cobra.Command) {
	var outside []string
	for _, name := range backbone.Names() {
		if _, known := backbone.FindResNet(name); !known {
			outside = append(outside, name)
		}
	}
	if len(outside) == 0 {
		return
	}
	for _, sub := range c.Commands() {
		backbonesInHelp(sub)
	}
	if f := c.Flags().Lookup("arch"); f != nil {
		f.Usage += "; from outside: " + strings.Join(outside, ", ")
	}
}
