#!/bin/sh
# Everything that proves correctness: format, lint, all tests, the race detector
# on the loader.
set -eu
GO=${GO:-go}

GO=$GO sh scripts/lint.sh
# One package at a time: two OpenMP programs at once on few cores are many
# times slower than one after the other.
$GO test -p 1 ./...
$GO test -race ./data/... ./views
# The numbers again, as processors compute them that this one is not.
GO=$GO sh scripts/processors.sh quick
