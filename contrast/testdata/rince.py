#!/usr/bin/python3
"""Writes rince.json: loss and gradient of RINCE in float64 for two views of a batch, in which all rows
have unit length. They are those of the authors' code, whose ImageNet/simclr/simclr_module.py at commit
c7f8534 of github.com/chingyaoc/RINCE is the argument. It has the MIT license."""
import ast
import json
import pathlib
import sys

import torch

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
unit = torch.nn.functional.normalize
u = unit(torch.randn(5, 7), dim=1)
v = unit(u + 0.3 * torch.randn(5, 7), dim=1)
out = {"u": u.tolist(), "v": v.tolist(), "cases": []}
# Of the class, which needs PyTorch Lightning, the function of the loss alone.
tree = ast.parse(pathlib.Path(sys.argv[1]).read_text())
tree.body = [f for f in ast.walk(tree) if getattr(f, "name", "") == "sym_loss"]
rince = {"torch": torch}
exec(compile(tree, sys.argv[1], "exec"), rince)


class Module:
    """What sym_loss asks of its class: which pairs of the 2N features show different images."""
    def compute_neg_mask(self):
        other = 1 - torch.eye(5)
        return other.repeat(2, 2)


for q in 0.1, 0.5:
    a, b = u.clone().requires_grad_(), v.clone().requires_grad_()
    value = rince["sym_loss"](Module(), unit(a), unit(b), 0.01, q, 0.2)
    value.backward()
    out["cases"].append({"name": f"rince {q}", "loss": value.item(), "u": a.grad.tolist(), "v": b.grad.tolist()})
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(out) + "\n")
