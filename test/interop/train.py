"""MoCo v2 with feature transformation in plain PyTorch, given what a run of contralens began with, drew and came to: the other side of train_test.go.

In DIR: settings.json (sizes and rates, and of every step the two λ), run.npz (queue [K, d]; of every step both views q and k, the order of the keys' batch,
and π), and N.pth, the run's state before step N: model and model_ema, optimizer, memory. Writes report.json: the losses of two runs from the first state,
float32 and float64, and of each step by itself, started from the run's own state, how far the run and float32 here are from float64.
"""
import json
import sys

import numpy as np
import torch
import torch.nn.functional as F

from network import Model

d = sys.argv[1]
torch.set_num_threads(1)
s = json.load(open(f"{d}/settings.json"))
run = {name: torch.from_numpy(array) for name, array in np.load(f"{d}/run.npz").items()}
steps, batch = run["order"].shape


class Training:
    """What a state file holds, in one precision."""

    def __init__(self, step, dtype):
        state = torch.load(f"{d}/{step}.pth")
        self.dtype, self.step = dtype, step
        self.query, self.key = Model(s["width"], s["dim"]), Model(s["width"], s["dim"])
        self.query.load_state_dict(state["model"], strict=True)
        self.key.load_state_dict(state["model_ema"], strict=True)
        self.query.to(dtype), self.key.to(dtype)
        self.optimizer = torch.optim.SGD(self.query.parameters(), s["lr"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.optimizer.param_groups[0].update(lr=s["lr"], momentum=s["momentum"], weight_decay=s["weight_decay"])  # not as the file has them
        self.queue = state["memory"].to(dtype)

    def advance(self):
        """One step; gives its loss."""
        i = self.step
        q_view, k_view, order, pi = run["q"][i].to(self.dtype), run["k"][i].to(self.dtype), run["order"][i], run["pi"][i]
        pos, neg = s["lambda"][i]
        with torch.no_grad():
            shuffled = F.normalize(self.key(k_view[order]), dim=1)
            k = torch.empty_like(shuffled)
            k[order] = shuffled
        q = F.normalize(self.query(q_view), dim=1)
        q1, k1 = pos * q + (1 - pos) * k, pos * k + (1 - pos) * q
        n1 = neg * self.queue + (1 - neg) * self.queue[pi]
        logits = torch.cat([(q1 * k1).sum(1, True), q1 @ n1.t()], 1) / s["tau"]
        loss = F.cross_entropy(logits, torch.zeros(batch, dtype=torch.long))
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        with torch.no_grad():
            for moving, to in zip(self.key.parameters(), self.query.parameters()):
                moving.mul_(s["alpha"]).add_(to, alpha=1 - s["alpha"])
        self.queue[(i * batch + torch.arange(batch)) % len(self.queue)] = shuffled
        self.step += 1
        return loss.item()

    def parts(self):
        """What a step changes, one long vector each; of the query encoder's weights the momenta, which are their movement."""
        momenta = {f"momentum {name}": self.optimizer.state[p]["momentum_buffer"] for name, p in self.query.named_parameters()}
        flat = lambda tensors: torch.cat([t.detach().double().flatten() for t in tensors])
        nets = {"query": self.query, "key": self.key}
        return {
            "momenta": flat(momenta.values()), **{name: flat([t]) for name, t in momenta.items()},
            **{f"{name} weights": flat(net.parameters()) for name, net in nets.items()},
            **{f"{name} statistics": flat(b for b in net.buffers() if b.is_floating_point()) for name, net in nets.items()},
            "queue": flat([self.queue]),
        }


def free(dtype):
    t = Training(0, dtype)
    return [t.advance() for _ in range(steps)]


class Relu(torch.autograd.Function):
    """ReLU whose derivative is given."""

    @staticmethod
    def forward(ctx, x, derivative):
        ctx.save_for_backward(derivative)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[0], None


def truth(step, other=frozenset()):
    """The step in float64. Also gives where float32 may well decide otherwise (call, element): ReLUs whose argument is all but 0, windows of max pooling
    whose two largest elements are all but equal. Those in other have the other derivative."""
    plain, near, calls = (F.relu, F.max_pool2d), [], 0

    def decide(x, chosen, margin):
        """Whether each is chosen, but for those in other."""
        nonlocal calls
        near.extend((calls, j) for j in (margin < 1e-5 * x.std()).flatten().nonzero().flatten().tolist())
        for call, j in other:
            if call == calls:
                chosen.view(-1)[j] ^= True
        calls += 1
        return chosen

    def relu(x, inplace=False):
        return Relu.apply(x, decide(x, x > 0, x.abs())) if x.requires_grad else plain[0](x)

    def max_pool2d(x, size, stride, padding):
        y = plain[1](x, size, stride, padding)
        if not x.requires_grad:
            return y
        # Padded with 0, which is no more than ReLU's results.
        windows = F.unfold(F.pad(x.flatten(0, 1)[:, None], 4 * [padding]), size, stride=stride)
        largest, at = windows.detach().topk(2, 1)
        first, second = largest.unbind(1)
        margin = torch.where(first > 0, first - second, torch.inf)  # of zeros no derivative goes on
        choice = torch.where(decide(x, torch.ones_like(first, dtype=torch.bool), margin), at[:, 0], at[:, 1])
        return windows.gather(1, choice[:, None]).view_as(y)

    t = Training(step, torch.float64)
    F.relu, F.max_pool2d = relu, max_pool2d
    try:
        return t.advance(), t.parts(), near
    finally:
        F.relu, F.max_pool2d = plain


def apart(a, b):
    return {name: ((a[name] - b[name]).norm() / b[name].norm()).item() for name in b}


def error(step, parts, true, near):
    """How far parts are from float64, and how many decisions had to be the other way for that."""
    other, least = frozenset(), apart(parts, true)
    while least["momenta"] > 1e-6:
        tried = {one: apart(parts, truth(step, other | {one})[1]) for one in near if one not in other}
        best = min(tried, key=lambda one: tried[one]["momenta"], default=None)
        if best is None or tried[best]["momenta"] > least["momenta"] / 2:
            break
        other, least = other | {best}, tried[best]
    return least, len(other)


def by_itself(step):
    here = Training(step, torch.float32)
    loss, (true, parts, near) = here.advance(), truth(step)
    results = (s["loss"][step], Training(step + 1, torch.float32).parts()), (loss, here.parts())
    report = []
    for loss, changed in results:
        apart, decided = error(step, changed, parts, near)
        report.append({"apart": {"loss": abs(loss - true) / true, **apart}, "decided": decided})
    return dict(zip(("run", "here"), report))


json.dump({"float32": free(torch.float32), "float64": free(torch.float64), "steps": [by_itself(i) for i in range(steps)]}, open(f"{d}/report.json", "w"))
