// Package recipes has configurations to start from: YAML files that --config reads by name.
package recipes

import (
	"embed"
	"strings"
)

//go:embed *.yaml
var files embed.FS

// Names are the recipes, sorted.
func Names() []string {
	var names []string
	entries, _ := files.ReadDir(".") // embedded: always there
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return names
}

// Get is the text of a recipe.
func Get(name string) (yaml []byte, ok bool) {
	b, err := files.ReadFile(name + ".yaml")
	return b, err == nil
}
