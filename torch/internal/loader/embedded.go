//go:build engine

package loader

import (
	"embed"

	"contralens/torch/engine"
)

// files has the engine that make build made, or only a file that keeps the folder.
//
//go:embed all:embedded
var files embed.FS

// Embedded returns what the engine in this program was made for, or nil if there is none.
func Embedded() *engine.Engine {
	e, err := engine.Parse(library())
	if err != nil {
		return nil
	}
	return &e
}

// library returns the file of the engine in this program, or nothing.
func library() []byte {
	content, _ := files.ReadFile("embedded/" + engine.Library)
	return content
}
