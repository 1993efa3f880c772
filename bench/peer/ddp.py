#!/usr/bin/python3
"""MoCo v2 on several processes in plain PyTorch, as the reference implementation does it: DistributedDataParallel by
Gloo, keys shuffled among processes by gathering all images, an own queue of all keys. It prints the images per second
of all processes, one line of JSON by rank 0. Images are random numbers in memory: no views are made.

    torchrun --nproc_per_node 2 bench/peer/ddp.py --width 0.25 --batch_size 128 --input_res 32

Debian: apt-get install python3-torch
"""

import argparse
import json
import os
import statistics
import time

import torch
import torch.distributed as dist
import torch.nn as nn
import torch.nn.functional as F

p = argparse.ArgumentParser()
p.add_argument("--width", type=float, default=0.25, help="multiplies all channels of a ResNet-18 for small images")
p.add_argument("--batch_size", type=int, default=128, help="of all processes together")
p.add_argument("-k", type=int, default=4096)
p.add_argument("--input_res", type=int, default=32)
p.add_argument("--steps", type=int, default=12)
p.add_argument("--warmup", type=int, default=3)
a = p.parse_args()
torch.set_num_threads(1)
dist.init_process_group("gloo")
rank, size = dist.get_rank(), dist.get_world_size()
torch.manual_seed(0)
d, tau, momentum, own = 128, 0.2, 0.999, a.batch_size // size


class Block(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        self.c1, self.b1 = nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o)
        self.c2, self.b2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
        plain = stride == 1 and i == o
        self.down = (
            nn.Identity() if plain else nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o))
        )

    def forward(self, x):
        return F.relu(self.b2(self.c2(F.relu(self.b1(self.c1(x)), True))) + self.down(x), True)


def network():
    w = round(64 * a.width)
    layers, i = [nn.Conv2d(3, w, 3, 1, 1, bias=False), nn.BatchNorm2d(w), nn.ReLU(True)], w
    for o, stride in ((w, 1), (2 * w, 2), (4 * w, 2), (8 * w, 2)):
        layers += [Block(i, o, stride), Block(o, o, 1)]
        i = o
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(i, i), nn.ReLU(True), nn.Linear(i, d)]
    return nn.Sequential(*layers, *head).to(memory_format=torch.channels_last)


def gathered(x):
    all = [torch.empty_like(x) for _ in range(size)]
    dist.all_gather(all, x)
    return torch.cat(all)


query, key = network(), network()
key.load_state_dict(query.state_dict())
query = nn.parallel.DistributedDataParallel(query)
optimizer = torch.optim.SGD(query.parameters(), 0.03, 0.9, weight_decay=1e-4)
queue, at = F.normalize(torch.randn(a.k, d), dim=1), 0
images = [torch.randn(own, 3, a.input_res, a.input_res) for _ in range(2)]
times = []
for step in range(a.warmup + a.steps):
    dist.barrier()
    begin = time.perf_counter()
    with torch.no_grad():
        order = torch.randperm(a.batch_size)
        dist.broadcast(order, 0)
        shuffled = gathered(images[1])[order[rank * own : (rank + 1) * own]]
        keys = gathered(F.normalize(key(shuffled.contiguous(memory_format=torch.channels_last)), dim=1))
        k = keys[torch.argsort(order)[rank * own : (rank + 1) * own]]
    q = F.normalize(query(images[0].contiguous(memory_format=torch.channels_last)), dim=1)
    logits = torch.cat([(q * k).sum(1, keepdim=True), q @ queue.T], 1) / tau
    loss = F.cross_entropy(logits, torch.zeros(own, dtype=torch.long))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        for old, new in zip(key.parameters(), query.module.parameters()):
            old.mul_(momentum).add_(new, alpha=1 - momentum)
        queue[torch.arange(at, at + a.batch_size) % a.k] = keys
        at = (at + a.batch_size) % a.k
    times.append(time.perf_counter() - begin)
if rank == 0:
    rate = a.batch_size / statistics.median(times[a.warmup :])
    print(json.dumps({"peer": "ddp", "processes": size, "images_per_second": round(rate, 1)}))
if "TORCHELASTIC_RUN_ID" in os.environ:
    dist.barrier()
