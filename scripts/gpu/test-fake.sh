#!/bin/sh
# Builds the fake CUDA runtime for the libtorch that make found, the program and the tests of test/gpu,
# and runs them on it. `make test-fakegpu` calls it. RUN=pattern chooses tests, VERBOSE=1 shows counters.
set -eu
GO=${GO:-go}
fail() { echo "test-fakegpu: $*" >&2; exit 1; }

[ -e "$LIBTORCH/lib/libtorch_cuda.so" ] ||
	fail "LIBTORCH=$LIBTORCH: want a CUDA build, with lib/libtorch_cuda.so, as pip's torch for Linux"
out=$PWD/build/fakegpu
$GO run ./scripts/gpu/fake -torch "$LIBTORCH" -o "$out"
$GO build -ldflags "${LDFLAGS:-}" -o "$out/contralens" ./cmd/contralens
$GO test -c -o "$out/gpu.test" ./test/gpu
cd test/gpu
LD_PRELOAD=$(cat "$out/preload") CONTRALENS_PROGRAM=$out/contralens \
	"$out/gpu.test" -test.timeout 20m ${RUN:+-test.run "$RUN"} ${VERBOSE:+-test.v}
