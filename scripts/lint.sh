#!/bin/sh
# Format, go vet and the linters of .golangci.yml.
set -eu
GO=${GO:-go}

unformatted=$(find . -name '*.go' -not -path './bin/*' | xargs gofmt -l)
if [ -n "$unformatted" ]; then
	echo "gofmt would change:" "$unformatted" >&2
	exit 1
fi
$GO vet ./...
bin/golangci-lint run ./...
