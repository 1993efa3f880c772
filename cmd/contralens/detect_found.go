package main

import (
	"encoding/json"
	"fmt"

	"contralens/cmd/internal/cli"
	"contralens/detect/protocol"
	"contralens/internal/humanize"
)

// printFound prints what was found in an image, as JSON or as a line of text.
func printFound(p protocol.Found, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(cli.Out).Encode(p)
	}
	fmt.Fprintf(cli.Out, "%s: %s → %s\n", humanize.Text(p.Image), p.Summary(), humanize.Text(p.Picture))
	return nil
}
