"""Reads checkpoints that contralens wrote, as a user of PyTorch would, and writes them back: the other side of checkpoint_test.go.

In DIR: ours.pth (a whole training state), x.npy (images), shape.json, and the same backbone as torchvision.pth, encoder.npz, encoder.safetensors, encoder.pkl.
Writes features.npy, embeddings.npy and stepped.npy (a parameter after one step of SGD), and back_zip.pth, back_legacy.pth, back_strided.pth, back_half.pth, back_arrays_{2,4,5}.pkl.
"""
import json
import pickle
import struct
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from network import Model

d = sys.argv[1]
torch.set_num_threads(1)

shape = json.load(open(f"{d}/shape.json"))
file = torch.load(f"{d}/ours.pth", map_location="cpu")
model = Model(shape["width"], shape["dim"])
wrapped = nn.ModuleDict({"module": model})  # names as under DistributedDataParallel
wrapped.load_state_dict(file["model"], strict=True)
assert list(wrapped.state_dict()) == list(file["model"]), "the order of the names"
ema = Model(shape["width"], shape["dim"])
ema.load_state_dict(file["model_ema"], strict=True)
optimizer = torch.optim.SGD(model.parameters(), lr=1, momentum=0.5, weight_decay=1)
optimizer.load_state_dict(file["optimizer"])
group = optimizer.param_groups[0]
assert group["momentum"] == shape["momentum"] and group["lr"] == shape["lr"], group

x = torch.from_numpy(np.load(f"{d}/x.npy").reshape(-1, 3, 32, 32))
model.eval()
with torch.no_grad():
    f = model.encoder(x)
    np.save(f"{d}/features.npy", f.numpy())
    np.save(f"{d}/embeddings.npy", F.normalize(model.head(f)).numpy())

# The same backbone in the other formats.
plain = {k[len("module.encoder."):]: v for k, v in file["model"].items() if k.startswith("module.encoder.")}
tv = torch.load(f"{d}/torchvision.pth")
assert list(tv) == list(plain) and all(torch.equal(tv[k], v) for k, v in plain.items()), "torchvision"
model.encoder.load_state_dict(tv, strict=True)
npz = np.load(f"{d}/encoder.npz")
assert sorted(npz.files) == sorted(plain) and all(np.array_equal(npz[k], v.numpy()) for k, v in plain.items()), "npz"
detectron = pickle.load(open(f"{d}/encoder.pkl", "rb"), encoding="latin1")
assert detectron["matching_heuristics"] is True
arrays = detectron["model"]
assert len(arrays) == len(plain) and np.array_equal(arrays["stem.conv1.weight"], plain["conv1.weight"].numpy())
assert np.array_equal(arrays["res3.0.shortcut.norm.running_var"], plain["layer2.0.downsample.1.running_var"].numpy())
assert np.array_equal(arrays["res5.1.conv2.norm.bias"], plain["layer4.1.bn2.bias"].numpy())
with open(f"{d}/encoder.safetensors", "rb") as s:
    (n,) = struct.unpack("<Q", s.read(8))
    header = json.loads(s.read(n))
    data = s.read()
assert header.pop("__metadata__")["arch"] == "resnet18"
assert sorted(header) == sorted(plain)
for name, entry in header.items():
    a, b = entry["data_offsets"]
    dtype = {"F32": np.float32, "I64": np.int64}[entry["dtype"]]
    assert np.array_equal(np.frombuffer(data[a:b], dtype).reshape(entry["shape"]), plain[name].numpy()), name

torch.save(file, f"{d}/back_zip.pth")
torch.save(file, f"{d}/back_legacy.pth", _use_new_zipfile_serialization=False)
strided = {k: v.to(memory_format=torch.channels_last) if v.dim() == 4 else v for k, v in plain.items()}
assert not strided["conv1.weight"].is_contiguous()
torch.save(strided, f"{d}/back_strided.pth")
torch.save({"half": {k: v.half() for k, v in plain.items() if v.dtype == torch.float32}, "bf16": {k: v.bfloat16() for k, v in plain.items() if v.dtype == torch.float32}}, f"{d}/back_half.pth")
for protocol in (2, 4, 5):
    with open(f"{d}/back_arrays_{protocol}.pkl", "wb") as s:
        pickle.dump({"model": arrays, "fortran": np.asfortranarray(plain["conv1.weight"].numpy()), "scalar": np.float64(0.5)}, s, protocol=protocol)

# One step with gradients of 1: momentum from the file, weights from the file.
for p in model.parameters():
    p.grad = torch.ones_like(p)
optimizer.step()
np.save(f"{d}/stepped.npy", np.concatenate([p.detach().numpy().ravel() for p in model.parameters()]))
