"""Files as Detectron2 writes them, and ours read as it reads them: the other side of detectron2_test.go.

write DIR: of names.json (names and shapes of a detector, with the indices of its norms) values.npz, and with these values
  model_final.pth  as its PeriodicCheckpointer writes: model, optimizer, scheduler, iteration
  old.pth          as older versions did: colors and anchors are among the tensors, norms have no counters
  zoo.pkl          as in its model zoo: NumPy arrays
read DIR: loads ours.pth as DetectionCheckpointer does, and prints what has no place.
"""
import json
import pickle
import sys
from collections import OrderedDict

import numpy as np
import torch

mode, d = sys.argv[1:]
shapes = json.load(open(d + "/names.json"))
names = list(shapes)
counters = [n for n in names if n.endswith("num_batches_tracked")]
buffers = counters + [n for n in names if n.endswith(("running_mean", "running_var"))]


def parameters():
    return {n: torch.nn.Parameter(torch.zeros(shapes[n])) for n in names if n not in buffers}


def optimizer(params):
    """As its build_optimizer makes it: parameters of equal settings share a group, those of norms have no decay."""
    norms = [p for n, p in params.items() if ".norm." in n]
    others = [p for n, p in params.items() if ".norm." not in n]
    groups = [{"params": others, "weight_decay": 1e-4}, {"params": norms, "weight_decay": 0.0}]
    return torch.optim.SGD(groups, lr=0.02, momentum=0.9)


if mode == "write":
    rng = np.random.default_rng(3)
    model = OrderedDict()
    for n in names:
        if n in counters:
            model[n] = torch.tensor(24000)
        else:
            model[n] = torch.from_numpy(rng.standard_normal(shapes[n]).astype(np.float32))
    np.savez(d + "/values.npz", **{n: v.numpy() for n, v in model.items()})
    params = parameters()
    sgd = optimizer(params)
    sum(p.sum() for p in params.values()).backward()
    sgd.step()
    schedule = torch.optim.lr_scheduler.LambdaLR(sgd, lambda i: 1.0)
    state = {k: v for k, v in schedule.state_dict().items() if k != "lr_lambdas"}
    final = {"model": model, "optimizer": sgd.state_dict(), "scheduler": state, "iteration": 23999}
    torch.save(final, d + "/model_final.pth")
    old = OrderedDict((n, v) for n, v in model.items() if n not in counters)
    old["pixel_mean"] = torch.tensor([123.675, 116.28, 103.53]).view(3, 1, 1)
    old["pixel_std"] = torch.tensor([58.395, 57.12, 57.375]).view(3, 1, 1)
    old["proposal_generator.anchor_generator.cell_anchors.0"] = torch.zeros(15, 4)
    torch.save({"model": old, "iteration": 23999}, d + "/old.pth")
    arrays = {n: v.numpy() for n, v in model.items()}
    with open(d + "/zoo.pkl", "wb") as f:
        pickle.dump({"model": arrays, "__author__": "Detectron2 Model Zoo"}, f)
    sys.exit()

file = torch.load(d + "/ours.pth", map_location="cpu")
loaded = file.pop("model")
wrong = ["%s: %s" % (n, tuple(t.shape)) for n, t in loaded.items() if n in shapes and list(t.shape) != shapes[n]]
params = parameters()
# One group in the order of the file. Detectron2's own has two, so it takes our weights and not our momentum.
sgd = torch.optim.SGD([params[n] for n in loaded if n in params], lr=0.02, momentum=0.9)
failed = ""
try:
    sgd.load_state_dict(file.pop("optimizer"))
    for p in params.values():  # a buffer for each, of its shape
        assert sgd.state[p]["momentum_buffer"].shape == p.shape
except (ValueError, KeyError, AssertionError) as error:
    failed = repr(error)
print(
    json.dumps(
        {
            "missing": [n for n in names if n not in loaded],
            "unexpected": [n for n in loaded if n not in shapes],
            "wrong": wrong,
            "float32": all(t.dtype == torch.float32 for n, t in loaded.items() if n not in counters),
            "start": file.get("iteration", -1) + 1,  # where its trainer resumes
            "optimizer": failed,
            "sum": sum(float(t.double().sum()) for t in loaded.values()),
        }
    )
)
