#!/usr/bin/python3
"""Writes relatives.json: losses and gradients in float64 for two views of a batch, in which all rows
have unit length. They are those of lightly 1.5.26 (DCL, DCLW, MACL) and of the authors of HCL, whose
image/main.py at commit 7b4647f of github.com/joshr17/HCL is the argument. Both have the MIT license."""
import ast
import json
import pathlib
import sys

import numpy as np

import torch
from lightly.loss.dcl_loss import DCLLoss, DCLWLoss
from lightly.loss.macl_loss import MACLLoss

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
u = torch.nn.functional.normalize(torch.randn(5, 7), dim=1)
v = torch.nn.functional.normalize(u + 0.3 * torch.randn(5, 7), dim=1)
out = {"u": u.tolist(), "v": v.tolist(), "cases": []}
# Of HCL's training script, the functions of the loss alone.
tree = ast.parse(pathlib.Path(sys.argv[1]).read_text())
tree.body = [f for f in tree.body if getattr(f, "name", "") in ("get_negative_mask", "criterion")]
hcl = {"torch": torch, "np": np, "device": "cpu", "temperature": 0.2}
exec(compile(tree, sys.argv[1], "exec"), hcl)
criterion, unit = hcl["criterion"], torch.nn.functional.normalize
for name, loss in {
    "hcl": lambda a, b: criterion(unit(a), unit(b), 0.1, len(a), 0.7, "hard"),
    "debiased": lambda a, b: criterion(unit(a), unit(b), 0.1, len(a), 0, "hard"),
    "dcl": DCLLoss(temperature=0.2), "dclw": DCLWLoss(temperature=0.2, sigma=0.5),
    "macl": MACLLoss(temperature=0.2, alpha=0.5, A_0=0.1),
}.items():
    a, b = u.clone().requires_grad_(), v.clone().requires_grad_()
    value = loss(a, b)
    value.backward()
    out["cases"].append({"name": name, "loss": value.item(), "u": a.grad.tolist(), "v": b.grad.tolist()})
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(out) + "\n")
