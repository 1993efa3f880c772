//go:build engine

package torch

import (
	"contralens/torch/engine"
	"contralens/torch/internal/loader"

	_ "contralens/torch/internal/malloc" // sets malloc up before main
)

// load loads the engine, which has the C++ that the headers declare.
func load() (*engine.Engine, error) {
	e, err := loader.Load()
	if err != nil {
		return nil, err
	}
	return &e, nil
}
