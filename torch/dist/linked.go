//go:build !engine

package dist

import _ "contralens/torch/internal/shim/dist" // the C++ that dist.h declares
