#!/usr/bin/python3
"""A training step of MoCo v2 with feature transformation in plain PyTorch, measured as `contralens bench step`
measures ours: the same shapes, views by torchvision with Pillow in the same process, one line of JSON with the same
keys.

--as tidy      what a careful user writes: one λ a step, activations in place, statistics where they are computed
--as upstream  the reference implementation's habits: two Beta arrays of the size of the queue drawn in NumPy each step
               and thrown away, a cloned and a mixed copy of the queue, five score statistics each copied to the host,
               activations out of place

Debian: apt-get install python3-torch python3-torchvision python3-pil
"""

import argparse
import json
import os
import random
import statistics
import sys
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torchvision
from PIL import Image, ImageFilter
from torchvision import transforms as T

p = argparse.ArgumentParser()
p.add_argument("--as", dest="form", choices=["tidy", "upstream"], default="tidy")
p.add_argument(
    "--memory_format", choices=["contiguous", "channels_last"], default="contiguous", help="of images and weights"
)
p.add_argument("--compile", action="store_true", help="torch.compile for networks and contrast; PyTorch 2 or newer")
p.add_argument("--random_images", action="store_true", help="random images in memory instead of views of files")
p.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
p.add_argument("--data_folder", help="folder with images; not needed with --network_only")
p.add_argument("--arch", default="resnet50", help="of torchvision; with --stem cifar resnet18 alone")
p.add_argument("--stem", choices=["imagenet", "cifar"], default="imagenet")
p.add_argument("--width", type=float, default=1, help="with --stem cifar: multiplies all channels")
p.add_argument("--batch_size", type=int, default=16)
p.add_argument("-k", "--nce_k", type=int, default=65536)
p.add_argument("--input_res", type=int, default=224)
p.add_argument("--threads", type=int, default=os.cpu_count())
p.add_argument("--steps", type=int, default=8)
p.add_argument("--warmup", type=int, default=3)
p.add_argument(
    "--network_only", action="store_true", help="forward and backward of the encoder alone, on random images"
)
p.add_argument("--json", action="store_true", help="as contralens has it; the result is always JSON")
a = p.parse_args()
if a.width != 1 and a.stem != "cifar":
    p.error("--width: want --stem cifar with it")
if a.stem == "cifar" and a.arch != "resnet18":
    p.error("--stem cifar: want --arch resnet18")
torch.set_num_threads(a.threads)
torch.manual_seed(0)
layout = torch.channels_last if a.memory_format == "channels_last" else torch.contiguous_format
upstream, N, K, d, tau, momentum = a.form == "upstream", a.batch_size, a.nce_k, 128, 0.2, 0.999


# Networks: torchvision's, and a ResNet-18 for small images, with MoCo v2's head.
class Block(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        self.c1, self.b1 = nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o)
        self.c2, self.b2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
        self.down = (
            nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o))
            if stride > 1 or i != o
            else nn.Identity()
        )
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.relu(self.b2(self.c2(self.relu(self.b1(self.c1(x))))) + self.down(x))


def small(width):
    layers = [nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
    i = width
    for o, stride in ((width, 1), (2 * width, 2), (4 * width, 2), (8 * width, 2)):
        layers += [Block(i, o, stride), Block(o, o, 1)]
        i = o
    net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    net.fc = nn.Linear(i, d)
    return net


def network():
    net = small(round(64 * a.width)) if a.stem == "cifar" else getattr(torchvision.models, a.arch)()
    features = net.fc.in_features
    net.fc = nn.Sequential(nn.Linear(features, features), nn.ReLU(inplace=True), nn.Linear(features, d))
    for m in net.modules():
        if upstream and isinstance(m, nn.ReLU):
            m.inplace = False
    return net.to(memory_format=layout)


if a.compile:
    # With a fixed number of threads, the code that PyTorch 2.15 generates for AVX-512 corrupted the heap of a Zen 5
    # ("corrupted size vs. prev_size"). With a dynamic number it runs, and is as fast.
    import torch._inductor.config

    torch._inductor.config.cpp.dynamic_threads = True


def compiled(f):
    return torch.compile(f) if a.compile else f


def embed(net, x):
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=a.precision == "bf16"):
        z = net(x)
    return F.normalize(z.float(), dim=1)


# Views: MoCo v2's. Small images stay decoded in memory.
def blur(image):
    return image.filter(ImageFilter.GaussianBlur(radius=random.uniform(0.1, 2.0)))


transform = T.Compose(
    [
        T.RandomResizedCrop(a.input_res, scale=(0.2, 1.0)),
        T.RandomHorizontalFlip(),
        T.RandomApply([T.ColorJitter(0.4, 0.4, 0.4, 0.1)], 0.8),
        T.RandomGrayscale(0.2),
        T.RandomApply([T.Lambda(blur)], 0.5),
        T.ToTensor(),
        T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ]
)


class Images(torch.utils.data.Dataset):
    def __init__(self, root):
        kinds = (".jpg", ".jpeg", ".png")
        self.paths = sorted(
            os.path.join(at, f) for at, _, files in os.walk(root) for f in files if f.lower().endswith(kinds)
        )
        self.kept = {}

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, i):
        image = self.kept.get(i)
        if image is None:
            with open(self.paths[i], "rb") as f:
                image = Image.open(f).convert("RGB")
            if a.input_res <= 64:
                self.kept[i] = image
        return torch.stack([transform(image), transform(image)])


def batches():
    if a.random_images:
        x = torch.randn(N, 2, 3, a.input_res, a.input_res)
        while True:
            yield x
    images = Images(a.data_folder)
    if len(images) < N:
        sys.exit(
            "--data_folder %s: want at least as many images as a batch, %d, got %d" % (a.data_folder, N, len(images))
        )
    while True:
        yield from torch.utils.data.DataLoader(images, N, shuffle=True, drop_last=True)


# The clock: mark ends a phase.
phases = ["views", "key", "query", "contrast", "backward", "update", "enqueue"]
times = {name: [] for name in phases + ["total"]}


def mark(name):
    global last
    now = time.perf_counter()
    times[name].append(now - last)
    last = now


# What the contrast of a step does, in both forms.
def tidy(zq, zk, queue):
    return mixed_loss(
        zq,
        zk,
        queue,
        torch.tensor(1 + np.random.beta(2.0, 2.0)),
        torch.tensor(np.random.beta(1.6, 1.6)),
        torch.randperm(K),
    )


def mixed(zq, zk, queue, pos_lambda, neg_lambda, order):
    q, k = pos_lambda * zq + (1 - pos_lambda) * zk, pos_lambda * zk + (1 - pos_lambda) * zq
    pos = (q * k).sum(1, True)
    neg = q @ (neg_lambda * queue + (1 - neg_lambda) * queue[order]).t()
    loss = F.cross_entropy(torch.cat([pos, neg], 1) / tau, torch.zeros(N, dtype=torch.long))
    return loss, neg.detach().mean(1), neg.detach().var(1), pos.detach()


mixed_loss = compiled(mixed)


def as_upstream(zq, zk, queue):
    zk, queue = zk.detach(), queue.clone().detach()
    np.random.beta(2.0, 2.0, size=[K, d]), np.random.beta(1.6, 1.6, size=[K, d])
    pos_mask, neg_mask = 1 + np.random.beta(2.0, 2.0), np.random.beta(1.6, 1.6)
    q, k = pos_mask * zq + (1 - pos_mask) * zk, pos_mask * zk + (1 - pos_mask) * zq
    mixed = neg_mask * queue + (1 - neg_mask) * queue[torch.randperm(K)]
    pos = torch.bmm(q.view(N, 1, d), k.view(N, d, 1)).view(N, 1)
    neg = torch.mm(mixed, q.t()).t()
    logits = torch.div(torch.cat((pos, neg), 1), tau).squeeze().contiguous()
    for score in (neg.mean(1), neg.var(1), pos, torch.exp(neg / tau).mean(1), torch.exp(pos / tau)):
        score.detach().cpu().numpy()
    return F.cross_entropy(logits, torch.zeros(N, dtype=torch.long))


def train():
    global last
    contrast = as_upstream if upstream else tidy
    query, key = network(), network()
    key.load_state_dict(query.state_dict())
    for t in key.parameters():
        t.requires_grad_(False)
    fused = {"fused": True} if not upstream and tuple(map(int, torch.__version__.split(".")[:2])) >= (2, 4) else {}
    optimizer = torch.optim.SGD(query.parameters(), 0.03, momentum=0.9, weight_decay=1e-4, **fused)
    weights, followers = list(query.parameters()), list(key.parameters())
    query_forward, key_forward = compiled(query), compiled(key)
    queue, at, data = F.normalize(torch.randn(K, d), dim=1), 0, batches()
    for _ in range(a.warmup + a.steps):
        start = last = time.perf_counter()
        x = next(data)
        xq, xk = x[:, 0].contiguous(memory_format=layout), x[:, 1].contiguous(memory_format=layout)
        mark("views")
        with torch.no_grad():
            zk = embed(key_forward, xk)
        mark("key")
        zq = embed(query_forward, xq)
        mark("query")
        loss = contrast(zq, zk, queue)
        loss = loss if upstream else loss[0]
        mark("contrast")
        optimizer.zero_grad()
        loss.backward()
        mark("backward")
        optimizer.step()
        with torch.no_grad():
            if hasattr(torch, "_foreach_lerp_") and not upstream:
                torch._foreach_lerp_(followers, weights, 1 - momentum)
            else:
                for q, k in zip(weights, followers):
                    k.mul_(momentum).add_(q, alpha=1 - momentum)
        mark("update")
        rows = (torch.arange(N) + at) % K
        queue[rows], at = zk, (at + N) % K
        mark("enqueue")
        times["total"].append(last - start)


def alone():
    global last
    net, x = network(), torch.randn(N, 3, a.input_res, a.input_res).contiguous(memory_format=layout)
    forward = compiled(net)
    for _ in range(a.warmup + a.steps):
        net.zero_grad(set_to_none=True)
        start = last = time.perf_counter()
        z = embed(forward, x)
        mark("query")
        z.sum().backward()
        mark("backward")
        times["total"].append(last - start)


def operations():
    """Of an image: forward and backward through the query encoder, forward through the key encoder, products with the
    queue."""
    count, net = 0, network().eval()

    def see(layer, _, y):
        nonlocal count
        count += y.numel() * layer.weight[0].numel()

    for m in net.modules():
        if isinstance(m, (nn.Conv2d, nn.Linear)):
            m.register_forward_hook(see)
    with torch.no_grad():
        net(torch.zeros(1, 3, a.input_res, a.input_res))
    return 2 * count * 3 if a.network_only else 2 * count * 4 + 4 * K * d


def peak():
    best, begin, dtype = 0, time.perf_counter(), torch.bfloat16 if a.precision == "bf16" else torch.float32
    x, w = torch.randn(16, 256, 28, 28, dtype=dtype), torch.randn(256, 256, 3, 3, dtype=dtype)
    x, w = x.contiguous(memory_format=torch.channels_last), w.contiguous(memory_format=torch.channels_last)
    while time.perf_counter() - begin < 1:
        for n in (2048, 3072):
            m = torch.randn(n, n).to(dtype)
            start = time.perf_counter()
            torch.mm(m, m)
            best = max(best, 2 * n**3 / (time.perf_counter() - start))
        start = time.perf_counter()
        F.conv2d(x, w, None, 1, 1)
        best = max(best, 2 * x.numel() * w.numel() / 256 / (time.perf_counter() - start))
    return best


def resident():
    """The peak resident size of this process. ru_maxrss would be the parent's where that was larger."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


fastest = peak()
alone() if a.network_only else train()
memory, each = resident(), operations() / 1e9
seconds = {name: statistics.median(t[a.warmup :]) for name, t in times.items() if t}
rate = N / seconds["total"]
print(
    json.dumps(
        {
            "method": a.form,
            "arch": a.arch,
            "batch": N,
            "K": K,
            "precision": a.precision,
            "images_per_second": rate,
            "seconds": seconds,
            "gflops": each * rate,
            "gemm_peak_gflops": max(fastest, peak()) / 1e9,
            "peak_rss_mb": memory,
            "network_only": a.network_only,
            "gflop_per_image": each,
            "input_res": a.input_res,
            "steps": a.steps,
            "threads": a.threads,
            "torch": torch.__version__,
        }
    )
)
