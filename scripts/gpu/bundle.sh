#!/bin/sh
# Packs what a machine with a GPU needs to test and measure this commit, and does not have: the program
# and the tests, built here, and libjpeg. It needs no Go and no network there, but g++, Python and PyTorch;
# scripts/gpu/run.sh is what runs there. `make gpu-bundle` calls this. With LIBTORCH set, an engine for
# that libtorch is packed as well, for machines without g++.
set -eu
GO=${GO:-go}
fail() { echo "gpu-bundle: $*" >&2; exit 1; }

# Tests that have something to do on a GPU.
PACKAGES="torch contrast nn/layers nn/heads nn/backbone nn optim prefetch statedict methods train eval
	eval/classify eval/protocol features profile checkpoint/weights test/gpu"

out=$PWD/build/gpu-bundle
unset CGO_CXXFLAGS CGO_LDFLAGS
rm -rf "$out"
mkdir -p "$out/bin" "$out/lib"
flags="-tags engine -trimpath"
packed=""
for p in $PACKAGES; do
	[ -d "$p" ] || continue
	name=$(echo "$p" | tr / -)
	# shellcheck disable=SC2086
	$GO test $flags -ldflags "-s -w" -c -o "$out/bin/$name.test" "./$p"
	[ ! -e "$out/bin/$name.test" ] || packed="$packed $p"
done
# shellcheck disable=SC2086
$GO build $flags -ldflags "-s -w ${LDFLAGS:-}" -o "$out/bin/contralens" ./cmd/contralens
# shellcheck disable=SC2086
$GO build $flags -ldflags "-s -w" -o "$out/bin/" ./scripts/engine ./scripts/gpu/photos
cp -L "$(ldd "$out/bin/contralens" | sed -n 's/.*libjpeg.so.* => \([^ ]*\) .*/\1/p')" "$out/lib/"
if [ -n "${LIBTORCH:-}" ]; then
	"$out/bin/engine" -o "$out/prebuilt" "$LIBTORCH"
	rm -rf "$out/prebuilt/objects"
fi
printf '%s\n' "commit $(git rev-parse HEAD 2>/dev/null || echo unknown)$(git diff --quiet HEAD 2>/dev/null || echo +changes)" \
	"packages$packed" >"$out/bundle.txt"
# The binaries share most of their code: a window as large as all of them makes the archive half as large.
tar -C "$out" --sort=name --owner=0 --group=0 --mtime=@0 -cf - . | xz --lzma2=preset=6,dict=256MiB >"$out.tar.xz"
size=$(stat -c %s "$out.tar.xz")
echo "build/gpu-bundle.tar.xz: $((size / 1024 / 1024)) MiB, of $(du -sm "$out" | cut -f1) MiB"
[ "$size" -le $((20 * 1024 * 1024)) ] || fail "want at most 20 MiB, got $size bytes: what can be left out?"
