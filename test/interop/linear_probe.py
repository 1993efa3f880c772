"""Linear probes in PyTorch on features that a Go test wrote: the other side of eval/classify/interop_test.go.

In DIR: shapes.json (of the arrays with two dimensions, which come flat), train.npy [N, D], train_labels.npy, test.npy [M, D], test_labels.npy, weight.npy [C, D] (where SGD starts; its bias starts at 0),
order.npy [epochs, N] (the order of the images), probe.pth (the checkpoint that our SGD wrote). Prints one JSON object: accuracies in percent, and the weights that SGD ends with.
"""
import json
import sys

import numpy as np
import torch
import torch.nn.functional as F

torch.set_num_threads(1)
shapes = json.load(open(f"{sys.argv[1]}/shapes.json"))


def load(name):
    a = np.load(f"{sys.argv[1]}/{name}.npy")
    return torch.from_numpy(a.reshape(shapes.get(name, a.shape)))


x, y, xt, yt = load("train"), load("train_labels"), load("test"), load("test_labels")
weight, order = load("weight"), load("order")
rate, momentum, batch, l2 = 0.05, 0.9, 64, 1e-4


def accuracy(logits):
    return (logits.argmax(1) == yt).double().mean().item() * 100


# Logistic regression on standardized features.
mean, std = x.mean(0), x.std(0) + 1e-6
a, b = ((x - mean) / std).double(), ((xt - mean) / std).double()
lin = torch.nn.Linear(x.shape[1], weight.shape[0]).double()
opt = torch.optim.LBFGS(lin.parameters(), max_iter=500, tolerance_grad=1e-8, tolerance_change=1e-14, line_search_fn="strong_wolfe")


def closure():
    opt.zero_grad()
    loss = F.cross_entropy(lin(a), y) + l2 * lin.weight.pow(2).sum()
    loss.backward()
    return loss


opt.step(closure)

# SGD on the features as they are.
probe = torch.nn.Linear(x.shape[1], weight.shape[0])
with torch.no_grad():
    probe.weight.copy_(weight)
    probe.bias.zero_()
sgd = torch.optim.SGD(probe.parameters(), rate, momentum)
for epoch in order:
    for at in range(0, len(epoch), batch):
        rows = epoch[at : at + batch]
        sgd.zero_grad()
        F.cross_entropy(probe(x[rows]), y[rows]).backward()
        sgd.step()

# Our checkpoint, as PyTorch's linear evaluation takes one up.
ours = torch.load(f"{sys.argv[1]}/probe.pth", map_location="cpu")
stored = torch.nn.Linear(x.shape[1], weight.shape[0])
stored.load_state_dict({name.removeprefix("module."): t for name, t in ours["classifier"].items()})
torch.optim.SGD(stored.parameters(), 1, 0).load_state_dict(ours["optimizer"])

print(json.dumps({"lbfgs": accuracy(lin(b)), "sgd": accuracy(probe(xt)), "stored": accuracy(stored(xt)), "epoch": ours["epoch"], "sgd_weight": probe.weight.flatten().tolist()}))
