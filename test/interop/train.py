"""Trains MoCo v2 with feature transformation in plain PyTorch, given what a run of contralens began with and drew: the other side of train_test.go.

In DIR: start.pth (the query encoder's weights), shape.json (sizes and rates), and start.npz: queue [K, d]; of every step q, k (both views), order (of the
keys' batch), pos and neg (the two λ) and pi. Writes losses.npy.
"""
import json
import sys

import numpy as np
import torch
import torch.nn.functional as F

from network import Model

d = sys.argv[1]
torch.set_num_threads(1)
s = json.load(open(f"{d}/shape.json"))
run = {name: torch.from_numpy(array) for name, array in np.load(f"{d}/start.npz").items()}
query, key = Model(s["width"], s["dim"]), Model(s["width"], s["dim"])
for net in query, key:
    net.load_state_dict(torch.load(f"{d}/start.pth")["model"], strict=True)
optimizer = torch.optim.SGD(query.parameters(), s["lr"], momentum=s["momentum"], weight_decay=s["weight_decay"])
queue, index, losses = run["queue"], 0, []
for q_view, k_view, order, pos, neg, pi in zip(run["q"], run["k"], run["order"], run["pos"], run["neg"], run["pi"]):
    with torch.no_grad():
        shuffled = F.normalize(key(k_view[order]), dim=1)
        k = torch.empty_like(shuffled)
        k[order] = shuffled
    q = F.normalize(query(q_view), dim=1)
    q1, k1 = pos * q + (1 - pos) * k, pos * k + (1 - pos) * q
    n1 = neg * queue + (1 - neg) * queue[pi]
    logits = torch.cat([(q1 * k1).sum(1, True), q1 @ n1.t()], 1) / s["tau"]
    loss = F.cross_entropy(logits, torch.zeros(len(q), dtype=torch.long))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        for moving, to in zip(key.parameters(), query.parameters()):
            moving.mul_(s["alpha"]).add_(to, alpha=1 - s["alpha"])
    queue[(index + torch.arange(len(q))) % len(queue)] = shuffled
    index = (index + len(q)) % len(queue)
    losses.append(loss.item())
np.save(f"{d}/losses.npy", np.array(losses, np.float32))
