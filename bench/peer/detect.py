#!/usr/bin/python3
"""A training step of Faster R-CNN in plain PyTorch with torchvision's detector and operators, measured as `contralens
bench detect` measures ours: the same shapes, images of noise in memory, one line of JSON with the same keys.

--detector c4   the fourth stage of a ResNet-50 for the proposals; the fifth, and a norm, for each region of 14 x 14
--detector fpn  a feature pyramid on ResNet-18 or ResNet-50 with norms, two layers of 1024 for each region of 7 x 7

Debian: apt-get install python3-torch python3-torchvision
"""

import argparse
import json
import os
import resource
import statistics
import time

import torch
import torch.nn as nn
import torchvision
from torchvision.models import resnet
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.rpn import AnchorGenerator
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign, roi_align
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

p = argparse.ArgumentParser()
p.add_argument("--detector", choices=["c4", "fpn"], default="c4")
p.add_argument("--arch", choices=["resnet18", "resnet50"], default="resnet50")
p.add_argument("--width", type=float, default=1, help="multiplies all channels; resnet18 alone")
p.add_argument("--batch_size", type=int, default=2)
p.add_argument("--short", type=int, default=480, help="height of the images; their width is 4/3 of it")
p.add_argument("--rois", type=int, default=512)
p.add_argument("--anchor_batch", type=int, default=256)
p.add_argument("--anchors", default="32,64,128,256,512")
p.add_argument("--topk_train", default="12000,2000")
p.add_argument("--memory_format", choices=["contiguous", "channels_last"], default="contiguous")
p.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
p.add_argument("--threads", type=int, default=os.cpu_count())
p.add_argument("--steps", type=int, default=4)
p.add_argument("--warmup_steps", type=int, default=2)
p.add_argument("--json", action="store_true", help="as contralens has it; the result is always JSON")
a = p.parse_args()
torch.set_num_threads(a.threads)
torch.manual_seed(0)
layout = torch.channels_last if a.memory_format == "channels_last" else torch.contiguous_format
classes, objects = 20, 8
sizes, (before, after) = [int(s) for s in a.anchors.split(",")], [int(s) for s in a.topk_train.split(",")]


def body(width):
    """A ResNet without its classifier; of ResNet-18 every layer has width times as many channels."""
    if a.arch == "resnet50":
        return resnet.ResNet(resnet.Bottleneck, [3, 4, 6, 3])
    net = resnet.ResNet(resnet.BasicBlock, [2, 2, 2, 2])
    channels = [round(c * width) for c in (64, 64, 128, 256, 512)]
    net.conv1, net.bn1 = nn.Conv2d(3, channels[0], 7, 2, 3, bias=False), nn.BatchNorm2d(channels[0])
    net.inplanes = channels[0]
    for i, c in enumerate(channels[1:], 1):
        setattr(net, "layer%d" % i, net._make_layer(resnet.BasicBlock, c, 2, stride=1 if i == 1 else 2))
    return net


class C4(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.stem = nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool)
        self.stages = nn.Sequential(net.layer1, net.layer2, net.layer3)
        self.out_channels = 1024

    def forward(self, x):
        return self.stages(self.stem(x))


class Pool(MultiScaleRoIAlign):
    """RoIAlign without offset, as Detectron2 has it; torchvision's MultiScaleRoIAlign is shifted by half a pixel."""

    def __init__(self):
        super().__init__(["0"], 14, 0)

    def forward(self, maps, boxes, _):
        return roi_align(maps["0"], boxes, 14, 1 / 16, 0, True)


class Pyramid(nn.Module):
    def __init__(self, net, width):
        super().__init__()
        self.stem = nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool)
        self.stages = nn.ModuleList([net.layer1, net.layer2, net.layer3, net.layer4])
        last = [stage[-1] for stage in self.stages]
        dims = [(b.bn3 if hasattr(b, "bn3") else b.bn2).num_features for b in last]
        self.out_channels = round(256 * width)
        with_norm = {"norm_layer": nn.BatchNorm2d}
        try:
            self.fpn = FeaturePyramidNetwork(dims, self.out_channels, LastLevelMaxPool(), **with_norm)
        except TypeError:  # before torchvision 0.14
            self.fpn = FeaturePyramidNetwork(dims, self.out_channels, LastLevelMaxPool())

    def forward(self, x):
        x, maps = self.stem(x), {}
        for i, stage in enumerate(self.stages):
            x = maps[str(i)] = stage(x)
        return self.fpn(maps)


class Fixed(nn.Module):
    """In place of the transform that resizes and normalizes: the images have their size."""

    def forward(self, images, targets=None):
        batch = torch.stack(images)
        if a.detector == "fpn":  # its maps are doubled in size again
            batch = nn.functional.pad(batch, (0, -batch.shape[3] % 32, 0, -batch.shape[2] % 32))
        batch = batch.contiguous(memory_format=layout)
        shapes = [tuple(i.shape[-2:]) for i in images]
        return torchvision.models.detection.image_list.ImageList(batch, shapes), targets

    def postprocess(self, result, *_):
        return result


options = dict(
    rpn_pre_nms_top_n_train=before,
    rpn_post_nms_top_n_train=after,
    rpn_batch_size_per_image=a.anchor_batch,
    box_batch_size_per_image=a.rois,
)
ratios = (0.5, 1.0, 2.0)
if a.detector == "c4":
    net = body(a.width)
    head = nn.Sequential(net.layer4, nn.BatchNorm2d(2048), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    options.update(
        rpn_anchor_generator=AnchorGenerator((tuple(sizes),), (ratios,)),
        box_roi_pool=Pool(),
        box_head=head,
        box_predictor=torchvision.models.detection.faster_rcnn.FastRCNNPredictor(2048, classes + 1),
    )
    model = FasterRCNN(C4(net), **options)
else:
    backbone = Pyramid(body(a.width), a.width)
    channels, hidden = backbone.out_channels, round(1024 * a.width)
    options.update(
        rpn_anchor_generator=AnchorGenerator(tuple((s,) for s in sizes), (ratios,) * len(sizes)),
        box_roi_pool=MultiScaleRoIAlign(["0", "1", "2", "3"], 7, 0),
        box_head=torchvision.models.detection.faster_rcnn.TwoMLPHead(channels * 49, hidden),
        box_predictor=torchvision.models.detection.faster_rcnn.FastRCNNPredictor(hidden, classes + 1),
    )
    model = FasterRCNN(backbone, **options)
model.transform = Fixed()
model = model.to(memory_format=layout).train()
optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9, weight_decay=1e-4)

height, width = a.short, (4 * a.short + 2) // 3
images, targets = [torch.randn(3, height, width) for _ in range(a.batch_size)], []
for _ in images:
    side = (0.1 + 0.4 * torch.rand(objects, 1)) * height
    corner = torch.rand(objects, 2) * (torch.tensor([width, height]) - side)
    targets.append({"boxes": torch.cat([corner, corner + side], 1), "labels": torch.randint(1, classes + 1, (objects,))})

times = {"losses": [], "backward": [], "update": [], "total": []}
for step in range(a.warmup_steps + a.steps):
    t0 = time.perf_counter()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=a.precision == "bf16"):
        loss = sum(model(images, targets).values())
    t1 = time.perf_counter()
    loss.backward()
    t2 = time.perf_counter()
    if not torch.isfinite(loss):
        raise SystemExit("loss %s" % loss.item())
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    t3 = time.perf_counter()
    if step >= a.warmup_steps:
        for name, t in zip(times, (t1 - t0, t2 - t1, t3 - t2, t3 - t0)):
            times[name].append(t)
seconds = {name: statistics.median(t) for name, t in times.items()}
print(
    json.dumps(
        {
            "detector": a.detector,
            "arch": a.arch,
            "batch": a.batch_size,
            "image_width": width,
            "image_height": height,
            "rois": a.rois,
            "precision": a.precision,
            "images_per_second": a.batch_size / seconds["total"],
            "seconds": seconds,
            "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "steps": a.steps,
            "threads": a.threads,
            "libtorch": torch.__version__,
        }
    )
)
