// Package recipes has configurations to start from: YAML files, which --config finds by
// name. [Names] lists those of pre-training, [Detectors] those of training a detector, and [Get]
// returns one of either.
package recipes

import (
	"embed"
	"io/fs"
	"path"
	"strings"
)

//go:embed *.yaml detect/*.yaml
var files embed.FS

// detectors is the folder of the recipes of detectors.
const detectors = "detect"

// Names returns the names of the recipes of pre-training, sorted.
func Names() []string { return names(".") }

// Detectors returns the names of the recipes of training a detector, sorted.
func Detectors() []string { return names(detectors) }

func names(folder string) []string {
	var names []string
	entries, _ := fs.ReadDir(files, folder) // can't fail: the files are embedded
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".yaml"); ok {
			names = append(names, name)
		}
	}
	return names
}

// Get returns the text of a recipe. ok is false if there is none of that name.
func Get(name string) (yaml []byte, ok bool) {
	for _, folder := range []string{".", detectors} {
		if b, err := files.ReadFile(path.Join(folder, name+".yaml")); err == nil {
			return b, true
		}
	}
	return nil, false
}
