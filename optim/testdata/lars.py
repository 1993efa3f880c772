#!/usr/bin/python3
"""Writes lars.json: four steps in float64 of LARS as in the code of Barlow Twins, whose main.py at commit
8e8d284 of github.com/facebookresearch/barlowtwins is the argument. It has the MIT license."""
import ast
import json
import pathlib
import sys

import torch

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
tree = ast.parse(pathlib.Path(sys.argv[1]).read_text())
tree.body = [c for c in tree.body if getattr(c, "name", "") == "LARS"]
names = {"torch": torch, "optim": torch.optim}
exec(compile(tree, sys.argv[1], "exec"), names)

parameters = [torch.nn.Parameter(torch.randn(3, 4)), torch.nn.Parameter(torch.randn(4)),
              torch.nn.Parameter(torch.zeros(1, 2))]
rates = [0.1, 0.3, 0.2, 0.1]
flat = lambda tensors: [t.detach().flatten().tolist() for t in tensors]
out = {"rates": rates, "start": flat(parameters), "gradients": [], "after": []}
optimizer = names["LARS"](parameters, lr=0, weight_decay=0.1, momentum=0.9, eta=0.02,
                          weight_decay_filter=True, lars_adaptation_filter=True)
for rate in rates:
    for group in optimizer.param_groups:
        group["lr"] = rate
    for p in parameters:
        p.grad = torch.randn_like(p)
    out["gradients"].append(flat(p.grad for p in parameters))
    optimizer.step()
    out["after"].append(flat(parameters))
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(out) + "\n")
