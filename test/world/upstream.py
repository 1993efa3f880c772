"""A step of MoCo v2 with the feature transformation in two processes, by its formulas in float64: the other side of upstream_test.go.

In DIR: settings.json (sizes, rates, λ), step.npz: the views q and k of the whole batch, the order of the keys' batch, π, and the state before and after the
step, named as upstream_test.go does. Prints how far the loss, the queue, the momenta and the key encoder of the run are from the formulas: of two processes,
which each normalize their own images, keys in the shuffled order, and whose gradients are averaged, and of one process, which normalizes the batch.
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
run = {name: torch.from_numpy(array) for name, array in np.load(f"{d}/step.npz").items()}
n = len(run["order"])


def net(when, kind):
    m = Model(s["width"], s["dim"]).double()
    m.load_state_dict({name: run[f"{when} {kind} {name}"].view(t.shape).to(t.dtype) for name, t in m.state_dict().items()})
    return m


def queue(when):
    return run[f"{when} memory memory"].view(-1, s["dim"]).double()


def flat(tensors):
    return torch.cat([t.detach().double().flatten() for t in tensors])


def step(processes):
    query, key, before = net("before", "query"), net("before", "key"), queue("before")
    optimizer = torch.optim.SGD(query.parameters(), s["lr"], s["momentum"], weight_decay=s["weight_decay"])
    rows, order = torch.arange(n).chunk(processes), run["order"]
    with torch.no_grad():  # each process encodes the keys at its places in the shuffled order
        shuffled = torch.cat([F.normalize(key(run["k"][order[r]].double()), dim=1) for r in rows])
        k = torch.empty_like(shuffled)
        k[order] = shuffled
    pos, neg = s["lambda"]
    losses = []
    for r in rows:
        q = F.normalize(query(run["q"][r].double()), dim=1)
        q1, k1 = pos * q + (1 - pos) * k[r], pos * k[r] + (1 - pos) * q
        n1 = neg * before + (1 - neg) * before[run["pi"]]
        logits = torch.cat([(q1 * k1).sum(1, True), q1 @ n1.t()], 1) / s["tau"]
        losses.append(F.cross_entropy(logits, torch.zeros(len(r), dtype=torch.long)))
    loss = sum(losses) / processes  # its gradient is the mean of theirs
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        for moving, to in zip(key.parameters(), query.parameters()):
            moving.mul_(s["alpha"]).add_(to, alpha=1 - s["alpha"])
    after = before.clone()
    after[torch.arange(n) % len(after)] = shuffled
    names = [name for name, _ in query.named_parameters()]
    apart = lambda ours, here: ((ours - here).norm() / here.norm()).item()
    return {
        "loss": abs(s["loss"] - loss.item()) / loss.item(),
        "queue": apart(queue("after"), after),
        "momenta": apart(flat(run[f"after momentum {i:03d}"] for i in range(len(names))), flat(optimizer.state[p]["momentum_buffer"] for p in query.parameters())),
        "key": apart(flat(run[f"after key {name}"] for name in names), flat(key.parameters())),
    }


print(json.dumps([step(2), step(1)]))
