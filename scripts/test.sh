#!/bin/sh
# All checks of correctness: format, lint, all tests, and the race detector on the loader.
set -eu
GO=${GO:-go}

GO=$GO sh scripts/lint.sh
# One package at a time: two OpenMP programs at once on few cores are many times slower than
# one after the other.
$GO test -p 1 ./...
$GO test -race ./data/... ./views
# The numeric tests again, with the kernels of other processors.
GO=$GO sh scripts/processors.sh quick
