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

// Linked reports whether this program is linked with libtorch, so that it loads no engine.
const Linked = true

// Inside describes the engine in this program, or is nil if there is none.
func Inside() *engine.Engine { return nil }

// load returns no engine: this program is linked with libtorch.
func load() (*engine.Engine, error) { return nil, nil }
