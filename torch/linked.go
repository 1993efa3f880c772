//go:build !engine

package torch

import (
	"contralens/torch/engine"

	// What the linker needs: malloc's settings, and the C++ that the headers declare.
	_ "contralens/torch/internal/malloc"
	_ "contralens/torch/internal/shim/attend"
	_ "contralens/torch/internal/shim/core"
	_ "contralens/torch/internal/shim/launch"
	_ "contralens/torch/internal/shim/norm"
	_ "contralens/torch/internal/shim/summary"
)

// load returns no engine: this program is linked with libtorch.
func load() (*engine.Engine, error) { return nil, nil }
