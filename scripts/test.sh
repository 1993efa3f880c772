#!/bin/sh
# All checks of correctness: format, lint, all tests, and the race detector on the loader.
set -eu
GO=${GO:-go}

GO=$GO sh scripts/lint.sh
# One package at a time: two OpenMP programs at once on few cores are many times slower than
# one after the other.
$GO test -p 1 ./...
# The binding again, in programs that load an engine instead of libtorch. What is linked
# with it is not what they are built with.
$GO run ./scripts/engine -o bin/engine ${LIBTORCH:+"$LIBTORCH"}
CGO_CXXFLAGS='' CGO_LDFLAGS='' CONTRALENS_ENGINE="$PWD/bin/engine/libcontralens-engine.so" \
	$GO test -tags engine ./torch ./torch/internal/loader ./optim ./internal/doctor
$GO test -race ./data/... ./views
# The numeric tests again, with the kernels of other processors.
GO=$GO sh scripts/processors.sh quick
