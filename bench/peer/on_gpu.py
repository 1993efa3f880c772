#!/usr/bin/env python3
"""A training step of MoCo v2 with feature transformation on a GPU, as a careful user of PyTorch writes it:
channels-last, bf16 autocast, fused SGD, cudnn.benchmark, no wait in the step, torch.compile if asked for. Needs
PyTorch; views need torchvision and Pillow too.

  on_gpu.py --arch resnet50 --batch_size 256              images in the GPU's memory
  on_gpu.py --data_folder FOLDER --workers 16             views by torchvision, in worker processes, from pinned memory
  on_gpu.py --compile                                     network and loss by torch.compile

Prints one line of JSON with the keys of `contralens bench step --json`: images_per_second, and the median of the
steps in seconds.
"""

import argparse
import copy
import json
import os
import random
import statistics
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

p = argparse.ArgumentParser()
p.add_argument("--arch", choices=["resnet18", "resnet50"], default="resnet50")
p.add_argument("--stem", choices=["imagenet", "cifar"], default="imagenet")
p.add_argument("--precision", choices=["fp32", "tf32", "bf16"], default="bf16")
p.add_argument("--batch_size", type=int, default=256)
p.add_argument("-k", "--nce_k", type=int, default=65536)
p.add_argument("--input_res", type=int, default=224)
p.add_argument("--steps", type=int, default=30)
p.add_argument("--warmup", type=int, default=10)
p.add_argument("--compile", action="store_true")
p.add_argument("--data_folder", help="JPEG images; without it, random ones that lie on the device")
p.add_argument("--workers", type=int, default=os.cpu_count())
p.add_argument("--device", default="cuda:0")
a = p.parse_args()
N, K, d, tau = a.batch_size, a.nce_k, 128, 0.2
device = torch.device(a.device)
if device.type == "cuda":
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = a.precision != "fp32"
torch.manual_seed(0)


# ResNets as torchvision's, which need not be installed.
def conv(i, o, k, stride=1):
    return nn.Conv2d(i, o, k, stride, k // 2, bias=False)


class Block(nn.Module):
    def __init__(self, i, width, stride, bottleneck):
        super().__init__()
        o = 4 * width if bottleneck else width
        layers = (
            [(i, width, 1, 1), (width, width, 3, stride), (width, o, 1, 1)]
            if bottleneck
            else [(i, width, 3, stride), (width, o, 3, 1)]
        )
        self.layers = nn.ModuleList(nn.Sequential(conv(*layer), nn.BatchNorm2d(layer[1])) for layer in layers)
        self.down = nn.Sequential(conv(i, o, 1, stride), nn.BatchNorm2d(o)) if stride > 1 or i != o else nn.Identity()
        self.out = o

    def forward(self, x):
        y = x
        for layer in self.layers[:-1]:
            y = F.relu(layer(y), inplace=True)
        return F.relu(self.layers[-1](y) + self.down(x), inplace=True)


def encoder():
    bottleneck, counts = a.arch == "resnet50", [3, 4, 6, 3] if a.arch == "resnet50" else [2, 2, 2, 2]
    first = [conv(3, 64, 3)] if a.stem == "cifar" else [nn.Conv2d(3, 64, 7, 2, 3, bias=False)]
    layers = (
        first + [nn.BatchNorm2d(64), nn.ReLU(inplace=True)] + ([] if a.stem == "cifar" else [nn.MaxPool2d(3, 2, 1)])
    )
    i = 64
    for stage, count in enumerate(counts):
        for at in range(count):
            layers.append(Block(i, 64 << stage, 2 if stage and not at else 1, bottleneck))
            i = layers[-1].out
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(i, i), nn.ReLU(inplace=True), nn.Linear(i, d)]
    return nn.Sequential(*layers, *head).to(device, memory_format=torch.channels_last)


query = encoder()
key = copy.deepcopy(query).requires_grad_(False)
weights, moved = list(query.parameters()), list(key.parameters())
sgd = torch.optim.SGD(weights, 0.03, momentum=0.9, weight_decay=1e-4, fused=device.type == "cuda")
queue, at = F.normalize(torch.randn(K, d), dim=1).to(device), 0
target = torch.zeros(N, dtype=torch.long, device=device)


def loss_of(q, k, queue, order, l_pos, l_neg):
    q, k = F.normalize(q.float(), dim=1), F.normalize(k.float(), dim=1)
    hard_q, hard_k = l_pos * q + (1 - l_pos) * k, l_pos * k + (1 - l_pos) * q
    pos, neg = (hard_q * hard_k).sum(1, True), hard_q @ (l_neg * queue + (1 - l_neg) * queue[order]).t()
    logits = torch.cat([pos, neg], 1) / tau
    return F.cross_entropy(logits, target), k, (logits.detach().argmax(1) == 0).float().mean()


embed_query, embed_key, contrast = [torch.compile(f) if a.compile else f for f in (query, key, loss_of)]
beta = torch.distributions.Beta(torch.tensor(2.0), torch.tensor(2.0)), torch.distributions.Beta(
    torch.tensor(1.6), torch.tensor(1.6)
)


def step(x):
    global at
    amp = torch.autocast(device.type, torch.bfloat16, enabled=a.precision == "bf16")
    shuffle = torch.randperm(N, device=device)
    with torch.no_grad(), amp:
        k = embed_key(x[1][shuffle])
        keys = torch.empty_like(k)
        keys[shuffle] = k
    with amp:
        q = embed_query(x[0])
    l_pos, l_neg = [b.sample().to(device, non_blocking=True) for b in beta]
    loss, keys, accuracy = contrast(q, keys, queue, torch.randperm(K, device=device), 1 + l_pos, l_neg)
    sgd.zero_grad()
    loss.backward()
    sgd.step()
    with torch.no_grad():
        torch._foreach_lerp_(moved, weights, 0.001)
        queue[at : at + N] = keys[: K - at]
    at = (at + N) % K
    return loss.detach(), accuracy


class Images(torch.utils.data.Dataset):
    """Two views of MoCo v2's augmentation, by torchvision and Pillow, as unsigned bytes."""

    def __init__(self, root):
        from PIL import Image, ImageFilter
        from torchvision import transforms as T

        self.open = Image.open
        self.paths = sorted(
            os.path.join(at, f)
            for at, _, files in os.walk(root)
            for f in files
            if f.lower().endswith((".jpg", ".jpeg", ".png"))
        )
        self.views = T.Compose(
            [
                T.RandomResizedCrop(a.input_res, scale=(0.2, 1.0)),
                T.RandomHorizontalFlip(),
                T.RandomApply([T.ColorJitter(0.4, 0.4, 0.4, 0.1)], 0.8),
                T.RandomGrayscale(0.2),
                T.RandomApply([T.Lambda(lambda i: i.filter(ImageFilter.GaussianBlur(random.uniform(0.1, 2.0))))], 0.5),
                T.PILToTensor(),
            ]
        )

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, i):
        image = self.open(self.paths[i]).convert("RGB")
        return self.views(image), self.views(image)


def batches():
    if not a.data_folder:
        x = [
            torch.randn(N, 3, a.input_res, a.input_res, device=device).contiguous(memory_format=torch.channels_last)
            for _ in range(2)
        ]
        while True:
            yield x
    images = Images(a.data_folder)
    if len(images) < N:
        sys.exit(
            "--data_folder %s: want at least as many images as a batch, %d, got %d" % (a.data_folder, N, len(images))
        )
    mean = torch.tensor([0.485, 0.456, 0.406], device=device).view(1, 3, 1, 1) * 255
    scale = 1 / (torch.tensor([0.229, 0.224, 0.225], device=device).view(1, 3, 1, 1) * 255)
    loader = torch.utils.data.DataLoader(
        images,
        N,
        shuffle=True,
        drop_last=True,
        num_workers=a.workers,
        pin_memory=device.type == "cuda",
        persistent_workers=a.workers > 0,
        multiprocessing_context="fork" if a.workers else None,
    )
    while True:
        for views in loader:
            yield [
                ((v.to(device, non_blocking=True) - mean) * scale).contiguous(memory_format=torch.channels_last)
                for v in views
            ]


def wait():
    if device.type == "cuda":
        torch.cuda.synchronize(device)


source = batches()
for _ in range(a.warmup):
    step(next(source))
wait()
times, start = [], time.perf_counter()
for i in range(a.steps):
    begin = time.perf_counter()
    result = step(next(source))
    if i % 10 == 9:
        [v.item() for v in result]  # as a progress line does
    times.append(time.perf_counter() - begin)
wait()
took = (time.perf_counter() - start) / a.steps
gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
print(
    json.dumps(
        {
            "images_per_second": N / took,
            "seconds": {"total": took, "median": statistics.median(times)},
            "batch": N,
            "K": K,
            "arch": a.arch,
            "precision": a.precision,
            "input_res": a.input_res,
            "steps": a.steps,
            "compiled": a.compile,
            "loaded": bool(a.data_folder),
            "machine": gpu,
            "torch": torch.__version__,
            "device_mb": torch.cuda.max_memory_allocated(device) / 2**20 if device.type == "cuda" else 0,
        }
    )
)
