#!/usr/bin/python3
"""Writes adamw.json: four steps of torch.optim.AdamW in float64, made with PyTorch 1.13."""
import json
import pathlib

import torch

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
parameters = [torch.nn.Parameter(torch.randn(3, 4)), torch.nn.Parameter(torch.randn(4))]
rates = [0.01, 0.02, 0.005, 0.01]
flat = lambda tensors: [t.detach().flatten().tolist() for t in tensors]
out = {"rates": rates, "start": flat(parameters), "gradients": [], "after": []}
optimizer = torch.optim.AdamW(
    [{"params": parameters[:1]}, {"params": parameters[1:], "weight_decay": 0.0}],
    betas=(0.9, 0.98), eps=1e-8, weight_decay=0.1)
for rate in rates:
    for group in optimizer.param_groups:
        group["lr"] = rate
    for p in parameters:
        p.grad = torch.randn_like(p)
    out["gradients"].append(flat(p.grad for p in parameters))
    optimizer.step()
    out["after"].append(flat(parameters))
out["squares"] = flat(optimizer.state[p]["exp_avg_sq"] for p in parameters)
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(out) + "\n")
