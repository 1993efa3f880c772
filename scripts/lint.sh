#!/bin/sh
# Format, go vet and the linters of .golangci.yml.
set -eu
GO=${GO:-go}

unformatted=$(find . -name '*.go' -not -path './bin/*' | xargs gofmt -l)
if [ -n "$unformatted" ]; then
	echo "gofmt would change:" "$unformatted" >&2
	exit 1
fi
# C and C++ follow .clang-format, which versions of clang-format apply differently. Only that
# of Debian 12 is used.
if clang-format --version 2>/dev/null | grep -q 'version 14\.'; then
	find . \( -name '*.c' -o -name '*.cc' -o -name '*.h' \) -not -path './bin/*' -not -path '*/node_modules/*' -print0 |
		xargs -0 clang-format --dry-run -Werror
fi
$GO vet ./...
bin/golangci-lint run ./...
