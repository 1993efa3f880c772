#!/bin/sh
# Downloads pip's newest torch, a CUDA build, without NVIDIA's libraries, unpacks it in the user's cache
# folder, and prints the folder that LIBTORCH takes. What is there already is not downloaded again.
set -eu
fail() { echo "fetch-torch: $*" >&2; exit 1; }

cache=${XDG_CACHE_HOME:-$HOME/.cache}/contralens/cuda-torch
found=$(ls -d "$cache"/*/torch/lib/libtorch_cuda.so 2>/dev/null | sort -V | tail -1)
if [ -z "$found" ]; then
	python3 -m pip --version >/dev/null 2>&1 ||
		fail "want python3 with pip to download PyTorch's CUDA build, or LIBTORCH=folder of one; Debian: apt-get install python3-pip"
	mkdir -p "$cache"
	echo "fetch-torch: downloading PyTorch's CUDA build, some 500 MB, to $cache" >&2
	part=$cache/part
	rm -rf "$part"
	python3 -m pip -q --disable-pip-version-check download --no-deps --only-binary :all: -d "$part" torch >&2 ||
		fail "pip could not download torch; see above. LIBTORCH=folder takes one that is there already"
	wheel=$(ls "$part"/torch-*.whl)
	version=$(basename "$wheel" | cut -d- -f2)
	python3 -m zipfile -e "$wheel" "$part/tree" && rm "$wheel"
	[ -e "$part/tree/torch/lib/libtorch_cuda.so" ] ||
		fail "pip's torch $version for this machine is no CUDA build; LIBTORCH=folder takes another one"
	rm -rf "${cache:?}/$version"
	mv "$part/tree" "$cache/$version"
	rm -rf "$part"
	found=$cache/$version/torch/lib/libtorch_cuda.so
fi
dirname "$(dirname "$found")"
