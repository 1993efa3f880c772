#!/usr/bin/python3
"""Images per second of one process with two threads, of two processes with one, and of PyTorch's
DistributedDataParallel on the same network (bench/peer/ddp.py): a line of JSON each, and the ratios.

    bench/world.py bin/contralens

Ours make their views of files, the peer's images are random numbers in memory.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

import numpy as np

p = argparse.ArgumentParser()
p.add_argument("program", help="bin/contralens")
p.add_argument("--width", default="0.25")
p.add_argument("--batch_size", type=int, default=128)
p.add_argument("--input_res", default="32")
p.add_argument("--steps", type=int, default=12)
p.add_argument("--rounds", type=int, default=1)
a = p.parse_args()
WARM = 3
here = os.path.dirname(os.path.abspath(__file__))


def images(folder, count, side=40):
    from PIL import Image

    rng = np.random.default_rng(1)
    for i in range(count):
        Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(f"{folder}/{i:05}.png")


def ours(folder, name, *options):
    with tempfile.TemporaryDirectory() as runs:
        shape = ["--arch", "resnet18", "--width", a.width, "--stem", "cifar", "--input_res", a.input_res]
        batch = ["--batch_size", str(a.batch_size), "-k", "4096", "--epochs", "1", "--print_freq", "1"]
        plain = ["--precision", "fp32", "--memory_format", "channels_last", "--probe", "0", "--record=false"]
        place = ["--data_folder", folder, "--model_path", runs, "--tb_path", runs + "/tb", "--name", name]
        command = [a.program, "contrast", "--method", "MoCov2", *shape, *batch, *plain, *place, *options]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        with open(f"{runs}/{name}/metrics.jsonl") as f:
            speeds = [line["img_s"] for line in map(json.loads, f) if "img_s" in line]
    return statistics.median(speeds[WARM:])


def peer():
    command = [sys.executable, here + "/peer/ddp.py", "--width", a.width, "--batch_size", str(a.batch_size)]
    command += ["--input_res", a.input_res, "--steps", str(a.steps), "--warmup", str(WARM)]
    ranks = []
    for rank in range(2):
        place = {"RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29611"}
        env = dict(os.environ, OMP_NUM_THREADS="1", **place)
        ranks.append(subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True))
    out = [r.communicate()[0] for r in ranks]
    return json.loads(out[0])["images_per_second"]


with tempfile.TemporaryDirectory() as folder:
    images(folder, (a.steps + WARM) * a.batch_size)
    rates = {"one process, 2 threads": [], "two processes, 1 thread": [], "DistributedDataParallel": []}
    for _ in range(a.rounds):
        rates["one process, 2 threads"].append(ours(folder, "one", "--threads", "2", "-j", "2"))
        rates["two processes, 1 thread"].append(ours(folder, "two", "--nproc", "2", "--threads", "1", "-j", "1"))
        rates["DistributedDataParallel"].append(peer())
median = {name: statistics.median(values) for name, values in rates.items()}
for name, value in median.items():
    print(json.dumps({"program": name, "images_per_second": round(value, 1)}))
two = median["two processes, 1 thread"]
ratios = {"to_one_process": two / median["one process, 2 threads"], "to_ddp": two / median["DistributedDataParallel"]}
print(json.dumps({name: round(value, 2) for name, value in ratios.items()}))
