#!/usr/bin/python3
"""Writes relatives.json: losses and gradients of lightly 1.5.26 (MIT license) in float64 for two
views of a batch, in which all rows have unit length."""
import json
import pathlib

import torch
from lightly.loss.dcl_loss import DCLLoss, DCLWLoss
from lightly.loss.macl_loss import MACLLoss

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
u = torch.nn.functional.normalize(torch.randn(5, 7), dim=1)
v = torch.nn.functional.normalize(u + 0.3 * torch.randn(5, 7), dim=1)
out = {"u": u.tolist(), "v": v.tolist(), "cases": []}
for name, loss in {
    "dcl": DCLLoss(temperature=0.2), "dclw": DCLWLoss(temperature=0.2, sigma=0.5),
    "macl": MACLLoss(temperature=0.2, alpha=0.5, A_0=0.1),
}.items():
    a, b = u.clone().requires_grad_(), v.clone().requires_grad_()
    value = loss(a, b)
    value.backward()
    out["cases"].append({"name": name, "loss": value.item(), "u": a.grad.tolist(), "v": b.grad.tolist()})
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(out) + "\n")
