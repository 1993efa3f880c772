#!/bin/sh
# Builds the fake CUDA runtime and an engine for the libtorch that make found, the program and the tests
# of test/gpu, and runs them. `make test-fakegpu` calls it. RUN=pattern chooses tests, VERBOSE=1 shows
# counters.
set -eu
GO=${GO:-go}
fail() { echo "test-fakegpu: $*" >&2; exit 1; }

[ -e "$LIBTORCH/lib/libtorch_cuda.so" ] ||
	fail "LIBTORCH=$LIBTORCH: want a CUDA build, with lib/libtorch_cuda.so, as pip's torch for Linux"
out=$PWD/build/fakegpu
# Neither the program nor the tests link libtorch: flags for it would only build them anew.
unset CGO_CXXFLAGS CGO_LDFLAGS
$GO run ./scripts/gpu/fake -torch "$LIBTORCH" -o "$out"
$GO run ./scripts/engine -o "$out/engine" "$LIBTORCH"
$GO build -tags engine -ldflags "${LDFLAGS:-}" -o "$out/contralens" ./cmd/contralens
$GO test -tags engine -c -o "$out/gpu.test" ./test/gpu
export CONTRALENS_PROGRAM="$out/contralens" CONTRALENS_ENGINE="$out/engine/libcontralens-engine.so"
cd test/gpu
FAKE_BLANK=1 LD_PRELOAD=$(cat "$out/preload") "$out/gpu.test" -test.timeout 20m ${RUN:+-test.run "$RUN"} ${VERBOSE:+-test.v}
