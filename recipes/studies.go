package recipes

import (
	"embed"
	"strings"
)

//go:embed studies/*.yaml
var studies embed.FS

// Studies returns the names of the ready studies, sorted.
func Studies() []string {
	var names []string
	entries, _ := studies.ReadDir("studies") // can't fail: the files are embedded
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return names
}

// Study returns the text of a ready study. ok is false if there is none of that name.
func Study(name string) (yaml []byte, ok bool) {
	b, err := studies.ReadFile("studies/" + name + ".yaml")
	return b, err == nil
}
