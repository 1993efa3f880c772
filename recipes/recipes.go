// Package recipes has configurations to start from: YAML files, which --config finds by
// name. [Names] lists them and [Get] returns one.
package recipes

import (
	"embed"
	"strings"
)

//go:embed *.yaml
var files embed.FS

// Names returns the names of the recipes, sorted.
func Names() []string {
	var names []string
	entries, _ := files.ReadDir(".") // can't fail: the files are embedded
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return names
}

// Get returns the text of a recipe. ok is false if there is none of that name.
func Get(name string) (yaml []byte, ok bool) {
	b, err := files.ReadFile(name + ".yaml")
	return b, err == nil
}
