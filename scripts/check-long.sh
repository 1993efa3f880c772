#!/bin/sh
# What takes too long for every change: each section is a function, and
# `make check-long SECTIONS="kills ..."` runs some of them. Each prints a summary.
set -eu
GO=${GO:-go}

kills() { # a training killed 50 times at random moments, saves included
	CONTRALENS_KILLS=50 $GO test -count 1 -timeout 20m -run TestKilledTraining -v ./cmd/contralens | grep -v '^=== '
}

for section in ${SECTIONS:-kills}; do
	echo "== $section"
	"$section"
done
