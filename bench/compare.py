#!/usr/bin/python3
"""Alternates `contralens bench step` and `bench detect` with PyTorch programs of the same work (bench/peer/step.py and
detect.py), each in a process of its own, and prints medians over the rounds as ratios. `make bench` calls it.

Usage: compare.py [FOLDER]   a folder of photos; without one they are generated with Pillow
Environment: PARTS (step, network, small, detect: what is compared), BATCH (16; of ResNet-50), ROUNDS (2), THREADS (one per
  processor), PEER_PYTHON (a python3 with another PyTorch, as of a virtual environment: compared as well, in fp32:
  eager, channels-last, and compiled with channels-last, on random images in memory)
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile

here = os.path.dirname(os.path.abspath(__file__))
ours, peer = os.path.join(here, "..", "bin", "contralens"), os.path.join(here, "peer", "step.py")
detector_peer = os.path.join(here, "peer", "detect.py")
parts = os.environ.get("PARTS", "step network small").split()
rounds, threads, batch = (
    int(os.environ.get("ROUNDS", 2)),
    os.environ.get("THREADS", str(os.cpu_count())),
    os.environ.get("BATCH", "16"),
)
resnet50 = ["--arch", "resnet50", "--batch_size", batch, "--nce_k", "65536"]
small = [
    "--arch",
    "resnet18",
    "--stem",
    "cifar",
    "--width",
    "0.25",
    "--input_res",
    "32",
    "--batch_size",
    "256",
    "--nce_k",
    "4096",
]
fp32, bf16 = ["--precision", "fp32"], ["--precision", "bf16"]
with open("/proc/cpuinfo") as info:
    has_bf16 = "avx512_bf16" in info.read()

c4 = ["--rois", "128"]
# The step of recipes/detect/bccd.yaml, at its longest shorter side.
fpn = "--detector fpn --arch resnet18 --width 0.5 --anchors 16,32,64,128,256 --short 320 --rois 64".split()
fpn += "--anchor_batch 128 --topk_train 500,300 --batch_size 4".split()

# What is compared: a title, the options that all have, then for each its name, its program, its own options.
# Ours come first.
cases = {
    "step": (
        "A step of ResNet-50 at 224 px, batch %s, K = 65,536, MoCo v2 + FT, scores recorded" % batch,
        resnet50,
        ["--steps", "4", "--warmup", "2"],
        [
            ("contralens, automatic", ours, []),
            ("contralens, fp32", ours, fp32),
            ("upstream form, fp32", peer, ["--as", "upstream"] + fp32),
            ("tidy PyTorch, fp32", peer, ["--as", "tidy"] + fp32),
            ("tidy PyTorch, bf16", peer, ["--as", "tidy"] + bf16),
        ],
    ),
    "network": (
        "ResNet-50 alone at 224 px, forward and backward, batch %s" % batch,
        resnet50 + ["--network_only"],
        ["--steps", "6", "--warmup", "2"],
        [
            ("contralens, bf16", ours, bf16),
            ("contralens, fp32", ours, fp32),
            ("tidy PyTorch, fp32", peer, fp32),
            ("tidy PyTorch, bf16", peer, bf16),
        ],
    ),
    "small": (
        "A step of a quarter-width ResNet-18 at 32 px, batch 256, K = 4,096, MoCo v2 + FT, scores recorded",
        small,
        ["--steps", "10", "--warmup", "3"],
        [
            ("contralens, automatic", ours, []),
            ("contralens, fp32", ours, fp32),
            ("tidy PyTorch, fp32", peer, ["--as", "tidy"] + fp32),
            ("tidy PyTorch, bf16", peer, ["--as", "tidy"] + bf16),
        ],
    ),
    "detect": (
        "A step of Faster R-CNN C4 on ResNet-50, 2 images of 640 x 480, 128 regions each",
        c4,
        ["--steps", "3", "--warmup_steps", "1"],
        [
            ("contralens, fp32", ours, fp32),
            ("torchvision, fp32", detector_peer, fp32),
            ("torchvision, channels-last", detector_peer, ["--memory_format", "channels_last"] + fp32),
        ],
    ),
    "detect_small": (
        "A step of recipe bccd: Faster R-CNN FPN on half a ResNet-18, 4 images of 427 x 320, 64 regions each",
        fpn,
        ["--steps", "12", "--warmup_steps", "3"],
        [
            ("contralens, fp32", ours, fp32),
            ("torchvision, fp32", detector_peer, fp32),
            ("torchvision, channels-last", detector_peer, ["--memory_format", "channels_last"] + fp32),
        ],
    ),
}

modern = os.environ.get("PEER_PYTHON")
if modern:
    version = subprocess.run(
        [modern, "-c", "import torch; print(torch.__version__)"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if version.returncode:
        sys.exit(
            "PEER_PYTHON: want a python3 with torch, got %s: %s" % (modern, version.stderr.strip().split("\n")[-1])
        )
    last, forms = ["--memory_format", "channels_last"], ["--as", "tidy", "--random_images"] + fp32
    for case, (_, _, _, programs) in cases.items():
        if case.startswith("detect"):
            for what, own in (("eager", fp32), ("channels-last", last + fp32)):
                name = "torchvision of %s %s" % (version.stdout.split("+")[0].strip(), what)
                programs.append((name, modern, own))
            continue
        for what, own in (("eager", []), ("channels-last", last), ("compiled", last + ["--compile"])):
            programs.append(("PyTorch %s %s" % (version.stdout.split("+")[0].strip(), what), modern, forms + own))


def photos(folder, count, width, height):
    """JPEG photos of waves and grain, whose files are about as long as real ones of that size."""
    import numpy as np
    from PIL import Image

    os.makedirs(folder)
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:height, 0:width]
    for i in range(count):
        waves = 128 + 14 * rng.normal(size=(height, width, 1)).repeat(3, 2)
        for _ in range(6):
            fx, fy, phase = rng.uniform(-20, 20, 3) / width, rng.uniform(-20, 20, 3) / height, rng.uniform(0, 6.3, 3)
            waves += 30 * np.sin(x[..., None] * fx + y[..., None] * fy + phase)
        Image.fromarray(waves.clip(0, 255).astype("uint8")).save(os.path.join(folder, "%03d.jpg" % i), quality=90)
    return folder


def measure(case, program, options):
    """The figures that a program prints; for a PyTorch program that failed, its last line of error messages."""
    detector = case.startswith("detect")
    if program == ours:
        start = ["bench", "detect" if detector else "step"]
    elif program == modern and not detector:
        start = [peer]
    else:
        start = [detector_peer] if program == modern else []
    run = subprocess.run(
        [program]
        + start
        + options
        + ["--threads", threads, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if run.returncode and program != ours:
        return run.stderr.strip().split("\n")[-1] or "exit status %d" % run.returncode
    if run.returncode:
        sys.exit("%s %s failed:\n%s" % (os.path.basename(program), " ".join(options), run.stderr[-2000:]))
    return json.loads(run.stdout[run.stdout.index("{") :])


def compare(case, folder):
    title, options, length, programs = cases[case]
    results, failures = {name: [] for name, _, _ in programs}, {}
    for at in range(rounds):
        for name, program, own in programs:
            if own[-1:] == ["bf16"] and not has_bf16:
                continue
            print("\r\033[Kround %d of %d: %s, %s" % (at + 1, rounds, case, name), end="", file=sys.stderr, flush=True)
            result = measure(case, program, options + length + own + (["--data_folder", folder] if folder else []))
            if isinstance(result, str):
                failures.setdefault(name, []).append(result)
            else:
                results[name].append(result)
    print("\r\033[K", end="", file=sys.stderr)
    show(title, {name: of for name, of in results.items() if of})
    for name, of in failures.items():
        print("%-30s failed in %d of %d rounds: %s" % (name, len(of), rounds, of[-1]), flush=True)


def median(runs, of):
    return statistics.median(of(r) for r in runs)


def show(title, results):
    names = ["views", "key", "query", "contrast", "backward", "update", "enqueue", "record"]
    if any("losses" in runs[0]["seconds"] for runs in results.values()):
        names = ["losses", "backward", "update"]
    others = [n for n in results if not n.startswith("contralens")]
    print(
        "\n%s\n\n%-30s %5s %9s %6s %8s  %s   speed, and memory, of ours against it"
        % (title, "", "", "images/s", "peak", "MB", " ".join("%8s" % n for n in names))
    )
    mine = [n for n in results if n.startswith("contralens")]
    for name, runs in results.items():
        rate, memory = median(runs, lambda r: r["images_per_second"]), median(runs, lambda r: r["peak_rss_mb"])
        share = "      "
        if "gemm_peak_gflops" in runs[0]:
            share = "%4.0f %%" % (
                100 * rate * runs[0]["gflop_per_image"] / max(r["gemm_peak_gflops"] for r in runs)
            )
        line = "%-30s %5s %9.2f %s %8.0f  %s" % (
            name,
            runs[0]["precision"],
            rate,
            share,
            memory,
            " ".join("%8.3f" % median(runs, lambda r: r["seconds"].get(n, 0)) for n in names),
        )
        if name in others:
            line += "   " + ", ".join(
                "%s %.2f x, %.2f"
                % (
                    m.split(", ")[1],
                    median(results[m], lambda r: r["images_per_second"]) / rate,
                    median(results[m], lambda r: r["peak_rss_mb"]) / memory,
                )
                for m in mine
            )
        print(line, flush=True)


for part in parts:
    if part not in cases:
        sys.exit("PARTS: want some of %s, got %s" % (", ".join(cases), part))
with tempfile.TemporaryDirectory() as temp:
    for part in parts:
        folder = None
        if part == "small":
            folder = photos(os.path.join(temp, "small"), 2048, 32, 32)
        elif part == "step":
            folder = sys.argv[1] if len(sys.argv) > 1 else photos(os.path.join(temp, "photos"), 256, 500, 375)
        compare(part, folder)
