//go:build !engine

package torch

import (
	"contralens/torch/engine"

	_ "contralens/torch/internal/malloc"
	_ "contralens/torch/internal/shim/attend"
	_ "contralens/torch/internal/shim/core"
	_ "contralens/torch/internal/shim/launch"
	_ "contralens/torch/internal/shim/norm"
	_ "contralens/torch/internal/shim/summary"
)

// This program is linked with libtorch and with the C++ that the headers declare.

// load returns no engine.
func load() (*engine.Engine, error) { return nil, nil }
