//go:build engine

package torch

import (
	"contralens/torch/engine"
	"contralens/torch/internal/loader"

	_ "contralens/torch/internal/malloc"
)

// This program loads an engine, which has the C++ that the headers declare.

// load loads the engine.
func load() (*engine.Engine, error) {
	e, err := loader.Load()
	if err != nil {
		return nil, err
	}
	return &e, nil
}
