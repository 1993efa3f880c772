#!/bin/sh
# Everything that proves correctness: format, vet, all tests, the race detector
# on the loader.
set -eu
GO=${GO:-go}

unformatted=$(find . -name '*.go' -not -path './bin/*' | xargs gofmt -l)
if [ -n "$unformatted" ]; then
	echo "gofmt would change:" "$unformatted" >&2
	exit 1
fi
$GO vet ./...
# One package at a time: two OpenMP programs at once on few cores are many
# times slower than one after the other.
$GO test -p 1 ./...
$GO test -race ./data ./views
