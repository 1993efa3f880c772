#!/bin/sh
# Tests and measures on a machine with a GPU, from the root of this repository and the bundle that
# `make gpu-bundle` made. It needs g++, and a Python with PyTorch: PYTHON=…/python3, or else python3. What is
# done is not done again by a second call; PARTS="tests bench" chooses, LIMIT=570 are seconds after which
# nothing new begins; LIBTORCH=folder is another libtorch than that Python's, debian is Debian's, and
# DEVICE=cpu tries all of it without a GPU. Results go to $OUT (build/gpu-run/out unless set): results.json,
# and table.md for docs/results.md. docs/gpu.md says more.
set -eu
cd "$(dirname "$0")/../.."
BUNDLE=${BUNDLE:-build/gpu-bundle.tar.xz}
[ -e "$BUNDLE" ] || { echo "run.sh: want $BUNDLE, which make gpu-bundle makes, or BUNDLE=FILE" >&2; exit 1; }
exec "${PYTHON:-python3}" scripts/gpu/run.py --bundle "$BUNDLE" --out "${OUT:-build/gpu-run/out}" --limit "${LIMIT:-570}" \
	--parts "${PARTS:-facts engine doctor tests memcheck bench}" --device "${DEVICE:-cuda:0}"
