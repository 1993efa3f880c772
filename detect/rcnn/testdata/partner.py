"""The training steps of partner_test.go in plain PyTorch, float64: Faster R-CNN C4 on the narrow ResNet-50 of the golden
numbers, from the same weights, with the anchors and regions that were sampled there.

In DIR: weights.npz (before), after.npz (after the steps), images.npy (normalized) and step0.npz … with what was sampled,
the rate, and the losses there. Prints a JSON object: the largest relative differences of losses and of weights (relative to
what the steps changed), how far a start that is disturbed by 1e-8 goes, and the largest difference of torchvision's
RoIAlign, if there is a torchvision, from the one below.
"""
import glob
import json
import sys

import numpy as np
import torch
import torch.nn.functional as F

try:
    import torchvision
except ImportError:
    torchvision = None

d = sys.argv[1]
torch.set_num_threads(1)
side, scale, momentum, decay = 14, np.float32(1 / 16), 0.9, 1e-4
blocks = {"res2": 3, "res3": 4, "res4": 6, "res5": 3}


def norm(P, name, x):
    return F.batch_norm(x, None, None, P[name + ".weight"], P[name + ".bias"], True, 0, 1e-5)


def block(P, name, x, stride):
    conv = lambda n, x, **o: norm(P, "%s.%s.norm" % (name, n), F.conv2d(x, P["%s.%s.weight" % (name, n)], **o))
    y = F.relu(conv("conv1", x))
    y = F.relu(conv("conv2", y, stride=stride, padding=1))
    y = conv("conv3", y)
    return F.relu(y + (conv("shortcut", x, stride=stride) if name + ".shortcut.weight" in P else x))


def stage(P, prefix, name, x):
    for i in range(blocks[name]):
        x = block(P, "%s%s.%d" % (prefix, name, i), x, 2 if i == 0 and name != "res2" else 1)
    return x


def axis(low, high, size):
    """The weights of 14 bins, [14, size]: means of bilinear samples, as many in a bin as it has positions."""
    f = np.float32
    start = f(low * scale) - f(0.5)
    width = (f(high * scale) - f(0.5) - start) / f(side)
    n = max(0, int(np.ceil(width)))
    w = np.zeros((side, size), np.float32)
    for p in range(side):
        for i in range(n):
            at = start + f(f(p) * width) + f((f(i) + f(0.5)) * width) / f(n)
            if not -1 <= at <= size:
                continue
            at = max(at, f(0))
            lower = int(at)
            if lower >= size - 1:
                w[p, size - 1] += f(1) / f(n)
                continue
            upper = at - f(lower)
            w[p, lower] += (f(1) - upper) / f(n)
            w[p, lower + 1] += upper / f(n)
    return w


def roi_align(x, rois):
    cut = []
    for image, x1, y1, x2, y2 in rois:
        a, b = axis(y1, y2, x.shape[2]), axis(x1, x2, x.shape[3])
        weights = torch.from_numpy((a[:, None, :, None] * b[None, :, None, :]).astype(np.float64))
        cut.append(torch.einsum("pqhw,chw->cpq", weights, x[int(image)]))
    return torch.stack(cut)


def losses(P, images, s):
    x = F.conv2d(images, P["backbone.stem.conv1.weight"], stride=2, padding=3)
    x = F.max_pool2d(F.relu(norm(P, "backbone.stem.conv1.norm", x)), 3, 2, 1)
    for name in ("res2", "res3", "res4"):
        x = stage(P, "backbone.", name, x)
    head = lambda n, x, **o: F.conv2d(x, P["proposal_generator.rpn_head.%s.weight" % n],
                                      P["proposal_generator.rpn_head.%s.bias" % n], **o)
    h = F.relu(head("conv", x, padding=1))
    logits, deltas = head("objectness_logits", h), head("anchor_deltas", h)
    n, a = logits.shape[:2]
    logits = logits.permute(0, 2, 3, 1).reshape(-1)
    deltas = deltas.reshape(n, a, 4, *deltas.shape[2:]).permute(0, 3, 4, 1, 2).reshape(-1, 4)
    t = {k: torch.from_numpy(v) for k, v in s.items()}
    anchors = s["anchor_batch"].item() * n
    rpn_class = F.binary_cross_entropy_with_logits(logits[t["anchors"]], t["labels"].double(), reduction="sum") / anchors
    rpn_box = (deltas[t["foreground"]] - t["anchor_deltas"].double()).abs().sum() / anchors
    cut = roi_align(x, s["rois"])
    f = norm(P, "roi_heads.res5.norm", stage(P, "roi_heads.", "res5", cut)).mean((2, 3))
    linear = lambda n: F.linear(f, P["roi_heads.box_predictor.%s.weight" % n], P["roi_heads.box_predictor.%s.bias" % n])
    scores, moves = linear("cls_score"), linear("bbox_pred")
    of_class = F.cross_entropy(scores, t["classes"])
    moves = moves.reshape(-1, 4)[t["rows"]]
    box = (moves - t["deltas"].double()).abs().sum() / len(scores)
    apart = None
    if torchvision is not None:
        rois = torch.from_numpy(s["rois"]).double()
        theirs = torchvision.ops.roi_align(x, rois, side, float(scale), 0, True)
        apart = ((theirs - cut).abs().max() / cut.abs().max()).item()
    return [of_class, box, rpn_class, rpn_box], apart


def train(noise):
    generator = np.random.default_rng(0)
    P = {}
    for name, w in start.items():
        P[name] = torch.from_numpy(w * (1 + noise * generator.standard_normal(w.shape))).requires_grad_()
    velocity = {name: torch.zeros_like(p) for name, p in P.items()}
    curve, worst = [], 0.0
    for s in steps:
        terms, apart = losses(P, images, s)
        worst = max(worst, apart or 0)
        sum(terms).backward()
        curve.append([t.item() for t in terms])
        with torch.no_grad():
            for name, p in P.items():
                wd = 0 if ".norm." in name else decay
                velocity[name].mul_(momentum).add_(p.grad + wd * p)
                p.sub_(s["rate"].item() * velocity[name])
                p.grad = None
    return P, np.array(curve), worst


start, after = dict(np.load(d + "/weights.npz")), np.load(d + "/after.npz")
images = torch.from_numpy(np.load(d + "/images.npz")["images"])
steps = [dict(np.load("%s/step%d.npz" % (d, i))) for i in range(len(glob.glob(d + "/step*.npz")))]
P, curve, worst = train(0)
here = np.array([s["losses"] for s in steps])
_, disturbed, _ = train(1e-8)
weights = {n: np.abs(p.detach().numpy() - after[n]).max() / np.abs(after[n] - start[n]).max() for n, p in P.items()}
name = max(weights, key=weights.get)
print(
    json.dumps(
        {
            "losses": (np.abs(curve - here) / np.abs(curve)).max(1).tolist(),
            "weights": weights[name],
            "worst": name,
            "disturbed": (np.abs(disturbed - curve) / np.abs(curve)).max(1).tolist(),
            "curve": curve.tolist(),
            "torchvision": None if torchvision is None else worst,
        }
    )
)
