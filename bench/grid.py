#!/usr/bin/python3
"""Measures `contralens bench step` over a grid that varies batch, image size, threads, K and d, fits the laws of
docs/performance.md by least squares (relative errors count), and prints the points beside the laws as Markdown. About 6
minutes on two cores.

Usage: grid.py [FOLDER]   a folder of photos; without one they are generated
"""

import json
import os
import subprocess
import sys

import numpy as np

ours = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bin", "contralens")
photos = ["--data_folder", sys.argv[1]] if len(sys.argv) > 1 else []
encoder = ["--arch", "resnet50", "--nce_k", "4096", "--steps", "4", "--warmup", "2"] + photos
tiny = [
    "--arch",
    "resnet18",
    "--stem",
    "cifar",
    "--width",
    "0.06",
    "--input_res",
    "16",
    "--precision",
    "fp32",
    "--memory_format",
    "channels_last",
    "--steps",
    "8",
    "--warmup",
    "2",
]


def step(options, **more):
    options = options + [str(word) for key, value in more.items() for word in ("--" + key, value)]
    print("\r\033[K" + " ".join("%s %s" % pair for pair in more.items()), end="", file=sys.stderr, flush=True)
    run = subprocess.run(
        [ours, "bench", "step", "--json"] + options, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    if run.returncode:
        sys.exit("contralens bench step %s failed:\n%s" % (" ".join(options), run.stderr[-2000:]))
    return json.loads(run.stdout)


def fit(rows, values):
    """The factors that come nearest to the values, relative to them, none below 0."""
    rows, values = np.array(rows, float), np.array(values)
    keep = list(range(rows.shape[1]))
    while True:
        factors = np.linalg.lstsq(rows[:, keep] / values[:, None], np.ones(len(values)), rcond=None)[0]
        if (factors >= 0).all():
            break
        keep.pop(int(factors.argmin()))
    out = np.zeros(rows.shape[1])
    out[keep] = factors
    return out, rows @ out


def table(head, rows):
    print("\n| " + " | ".join(head) + " |\n|" + " --- |" * len(head))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")


for precision in ["bf16", "fp32"]:
    points = [
        step(encoder, precision=precision, memory_format="channels_last", batch_size=n, input_res=side)
        for n, side in [(4, 224), (8, 224), (16, 224), (32, 224), (8, 96), (8, 160), (16, 128)]
    ]
    seconds, law = fit(
        [[1, p["batch"] * p["gflop_per_image"]] for p in points], [p["seconds"]["total"] for p in points]
    )
    memory, resident = fit([[1, p["batch"] * p["input_res"] ** 2] for p in points], [p["peak_rss_mb"] for p in points])
    print(
        "\n**ResNet-50, %s**: seconds = %.3f + operations / %.0f GFLOP/s; MB = %.0f + %.3f · batch · (side / 32)²"
        % (precision, seconds[0], 1 / seconds[1], memory[0], memory[1] * 1024)
    )
    table(
        ["batch", "side", "GFLOP", "s a step", "law", "MB", "law"],
        [
            (
                p["batch"],
                p["input_res"],
                "%.0f" % (p["batch"] * p["gflop_per_image"]),
                "%.3f" % p["seconds"]["total"],
                "%.3f" % s,
                "%.0f" % p["peak_rss_mb"],
                "%.0f" % m,
            )
            for p, s, m in zip(points, law, resident)
        ],
    )

points = [
    step(encoder, precision="bf16", memory_format="channels_last", batch_size=8, threads=t)
    for t in range(1, os.cpu_count() + 1)
]
print("\n**Threads**, ResNet-50, bf16, batch 8")
table(
    ["threads", "s a step", "times as fast as one"],
    [
        (p["threads"], "%.3f" % p["seconds"]["total"], "%.2f" % (points[0]["seconds"]["total"] / p["seconds"]["total"]))
        for p in points
    ],
)

grid = [
    (64, 65536, 128),
    (256, 4096, 128),
    (256, 16384, 128),
    (256, 65536, 128),
    (256, 65536, 64),
    (256, 65536, 256),
    (512, 65536, 128),
]
points = [step(tiny, batch_size=n, nce_k=k, feat_dim=d) for n, k, d in grid]
seconds, law = fit([[1, n * k * d, n * k] for n, k, d in grid], [p["seconds"]["contrast"] for p in points])
print(
    "\n**Contrast** with transformation and score record: seconds = %.4f + N·K·d / %.1f·10⁹ + N·K / %.2f·10⁹"
    % (seconds[0], 1e-9 / max(seconds[1], 1e-15), 1e-9 / max(seconds[2], 1e-15))
)
table(
    ["batch N", "K", "d", "ms", "law"],
    [
        (n, k, d, "%.1f" % (1e3 * p["seconds"]["contrast"]), "%.1f" % (1e3 * s))
        for (n, k, d), p, s in zip(grid, points, law)
    ],
)
print("\r\033[K", end="", file=sys.stderr)
