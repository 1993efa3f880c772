#!/bin/sh
# What takes too long for every change: each section is a function, and
# `make check-long SECTIONS="kills"` runs some of them. Each prints a summary.
set -eu
GO=${GO:-go}

# verbose GO-TEST-ARGUMENTS: the log lines of tests that pass, all of those that don't
verbose() {
	log=$(mktemp)
	if $GO test -count 1 -v "$@" >"$log" 2>&1; then
		grep -v '^=== ' "$log"
		rm -f "$log"
	else
		cat "$log"
		rm -f "$log"
		return 1
	fi
}

kills() { # a training killed 50 times at random moments, saves included
	CONTRALENS_KILLS=50 verbose -timeout 20m -run TestKilledTraining ./cmd/contralens
}

resume() { # going on bit for bit with more than one compute thread
	CONTRALENS_THREADS=2 verbose -timeout 10m -run 'TestInterruptedTraining|TestTwoAndTwo' ./cmd/contralens
}

formats() { # image files of every kind and of odd sizes, made and converted by Debian's Pillow, held against ours
	tmp=$(mktemp -d)
	trap 'rm -rf "$tmp"' EXIT
	for size in "1 1" "2 3" "3 2" "64 64" "101 37" "640 427"; do
		rm -rf "$tmp/formats" && mkdir "$tmp/formats"
		# shellcheck disable=SC2086
		/usr/bin/python3 -W ignore data/testdata/formats/make.py "$tmp/formats" $size >/dev/null
		FORMATS_DIR=$tmp/formats $GO test ./data -count=1 -run TestDecodeAsPillow
	done
}

fuzz_data() { # damaged image files, shards and their indexes
	for target in FuzzDecode FuzzShards; do
		$GO test ./data -run '^$' -fuzz "^$target\$" -fuzztime 60s -fuzzminimizetime 10x -parallel 1
	done
}

fuzz_checkpoints() { # damaged checkpoints of every format, files of features, IDX, records and lists, a minute each
	for target in ./checkpoint:FuzzParse ./checkpoint/pickle:FuzzLoad ./checkpoint/safetensors:FuzzParse ./checkpoint/npz:FuzzParse ./checkpoint/onnx:FuzzParse \
		./embeddings:FuzzParquet ./data:FuzzIDX ./data:FuzzRecords ./data:FuzzList; do
		$GO test "${target%:*}" -run '^$' -fuzz "^${target#*:}\$" -fuzztime 60s -fuzzminimizetime 10x -parallel 2 | tail -3
	done
}

fuzz_scores() { # the readers of score records and .npy files, a minute each
	$GO test ./scores/record -run '^$' -fuzz FuzzOpen -fuzztime 60s -fuzzminimizetime 5x -parallel 1 | tail -3
	$GO test ./internal/npy -run '^$' -fuzz FuzzRead -fuzztime 60s -fuzzminimizetime 5x -parallel 1 | tail -3
}

recorder() { # docs/recorder.py against our reader: what it writes comes out as numpy computes it
	tmp=$(mktemp -d)
	trap 'rm -rf "$tmp"' EXIT
	PYTHONPATH=docs PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 - "$tmp" <<'END'
import sys, numpy as np
from recorder import Recorder
rng, tmp = np.random.default_rng(0), sys.argv[1]
record, rows = Recorder(tmp + "/run"), []
for step in range(500):
    pos, neg = rng.normal(.5, .1, 32), rng.normal(0, .2, (32, 100))
    record(pos, neg, .2, loss=step)
    rows.append([step, pos.mean(), neg.var(1, ddof=1).mean(), neg.max(1).mean()])
np.save(tmp + "/want.npy", np.array(rows))
END
	$GO run ./cmd/contralens scores export "$tmp/run" --format npz -o "$tmp" >/dev/null
	/usr/bin/python3 - "$tmp" <<'END'
import sys, numpy as np
got, want = np.load(sys.argv[1] + "/scores.npz"), np.load(sys.argv[1] + "/want.npy")
for i, name in enumerate(["loss", "pos_mean", "neg_var", "hardest_neg"]):
    assert np.allclose(got[name], want[:, i], rtol=1e-6), name
assert got["hist_neg"].sum() == 500 * 3200 and got["hist_pos"].sum() == 500 * 32 and len(got["step"]) == 500
print("500 steps of recorder.py read back")
END
}

for section in ${SECTIONS:-kills resume formats fuzz_data fuzz_checkpoints fuzz_scores recorder}; do
	echo "== $section"
	"$section"
done
