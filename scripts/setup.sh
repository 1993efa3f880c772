#!/bin/sh
# Installs the Debian packages that are missing for building, or says which ones to install.
# With the argument test, lint, check-long, bench or release, it includes what that target needs.
set -eu

GO=${GO:-go}
fail() { echo "setup: $*" >&2; exit 1; }

command -v "$GO" >/dev/null 2>&1 || fail "want Go 1.26 or newer on the PATH, found none: see https://go.dev/dl"

missing=""
need() { # need FILE-PATTERN PACKAGE
	# shellcheck disable=SC2086
	ls $1 >/dev/null 2>&1 || missing="$missing $2"
}
need "/usr/bin/g++" g++
need "/usr/include/jpeglib.h" libjpeg62-turbo-dev
if [ "${1:-}" = test ]; then
	# A test searches the text of a PDF.
	need "/usr/bin/pdftotext" poppler-utils
	# The tests of the dashboard open it in a browser.
	need "/usr/bin/chromium" chromium
	# Tests read our files with PyTorch and, below, with ONNX Runtime.
	need "/usr/lib/python3/dist-packages/torch/__init__.py" python3-torch
	# Some processes are started as MPI programs are.
	need "/usr/bin/mpirun" openmpi-bin
elif [ "${1:-}" = check-long ]; then
	need "/usr/lib/python3/dist-packages/torch/__init__.py" python3-torch
	need "/usr/bin/mpirun" openmpi-bin
	need "/usr/sbin/slurmctld" "slurmctld slurmd slurm-client munge"
	need "/usr/lib/python3/dist-packages/PIL/__init__.py" python3-pil
	need "/usr/lib/python3/dist-packages/numpy/__init__.py" python3-numpy
elif [ "${1:-}" = release ]; then
	need "/usr/bin/dpkg-shlibdeps" dpkg-dev
elif [ "${1:-}" = bench ]; then
	need "/usr/lib/python3/dist-packages/torch/__init__.py" python3-torch
	need "/usr/lib/python3/dist-packages/torchvision/__init__.py" python3-torchvision
	need "/usr/lib/python3/dist-packages/PIL/__init__.py" python3-pil
fi
need "/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz" dataset-fashion-mnist
if [ -z "${LIBTORCH:-}" ]; then
	need "/usr/include/torch/csrc/api/include/torch/version.h" libtorch-dev
	# Without OpenBLAS libtorch uses the reference BLAS, whose matrix products are many
	# times slower.
	need "/usr/lib/*/openblas-openmp/libblas.so.3" libopenblas0-openmp
fi
# The linter is built from source. Its version is fixed, so that a commit gives the same
# result everywhere.
LINTER=v2.15.0
case "${1:-}" in
test | lint)
	if ! bin/golangci-lint version 2>/dev/null | grep -q "${LINTER#v}"; then
		echo "building golangci-lint $LINTER (a minute or two)"
		GOFLAGS='' GOBIN="$PWD/bin" "$GO" install "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$LINTER" 2>/dev/null ||
			fail "golangci-lint $LINTER could not be built from the Go module proxy. Try: GOBIN=\$PWD/bin $GO install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$LINTER"
	fi
	;;
esac
# Without npm, the test of exported networks reports that it compared nothing.
if [ "${1:-}" = test ] && command -v npm >/dev/null 2>&1 && [ ! -d test/interop/node_modules/onnxruntime-node ]; then
	(cd test/interop && npm install --ignore-scripts --no-audit --no-fund --no-package-lock --silent) ||
		echo "setup: onnxruntime-node could not be installed: exported networks will not be compared with ONNX Runtime" >&2
fi
if [ -n "$missing" ]; then
	command -v apt-get >/dev/null 2>&1 || fail "want the libraries that Debian calls$missing; this system has no apt-get, so install them by hand"
	as=""
	if [ "$(id -u)" != 0 ]; then
		command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null && as="sudo" ||
			fail "missing packages, and no rights to install them. Run: sudo apt-get install$missing"
	fi
	echo "installing$missing (a minute or two)"
	$as env DEBIAN_FRONTEND=noninteractive apt-get update -qq || fail "apt-get update failed; see above"
	# shellcheck disable=SC2086
	$as env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 $missing >/dev/null || fail "installing failed; see above. Run: apt-get install$missing"
fi

# The compiler and libtorch: what is wrong with them, in a sentence.
found=$("$GO" run ./scripts/libtorch -compiler "${LIBTORCH:-}") || exit 1
case $found in "found "*) ;; *) fail "$found" ;; esac
