//go:build engine

package torch

import (
	"contralens/torch/engine"
	"contralens/torch/internal/loader"

	_ "contralens/torch/internal/malloc" // sets malloc up before main
)

// Linked reports whether this program is linked with libtorch, so that it loads no engine.
const Linked = false

// Inside describes the engine in this program, or is nil if there is none.
func Inside() *engine.Engine { return loader.Embedded() }

// load loads the engine, which has the C++ that the headers declare.
func load() (*engine.Engine, error) {
	e, err := loader.Load()
	if err != nil {
		return nil, err
	}
	return &e, nil
}
