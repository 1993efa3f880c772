"""Writes golden.json: the measures by their definitions, in numpy's float64 (LAPACK's SVD and eigh).

Inputs come from a formula, so that no arrays are stored. LiDAR and RankMe of stable-pretraining 0.1.8
(MIT), on the same inputs in float64, are recorded beside ours: pass the folder of its wheel."""
import json, sys, types
import numpy as np

def features(n, d, decay, seed):
    """Rows of sines, whose columns decay as (j+1)**-decay."""
    i, j = np.meshgrid(np.arange(n), np.arange(d), indexing="ij")
    x = np.sin(1.7 * i * (j + 1) + 0.9 * i * i + seed) + 0.3 * np.cos(0.31 * i + j)
    return x * (j + 1.0) ** -decay

def unit(x): return x / np.linalg.norm(x, axis=1, keepdims=True)

def entropy_rank(v, eps):
    p = v / v.sum() + eps
    return np.exp(-(p * np.log(p)).sum())

def scatter(x, q):
    n, d = x.shape[0] // q, x.shape[1]
    y = x.reshape(n, q, d); m = y.mean(1); c = m - m.mean(0)
    w = (y - m[:, None]).reshape(-1, d)
    return c.T @ c / (n - 1), w.T @ w / (n * (q - 1)) + 1e-4 * np.eye(d)

def lidar(x, q):
    sb, sw = scatter(x, q)
    l, v = np.linalg.eigh(sw)
    r = v @ np.diag(l ** -0.5) @ v.T
    return entropy_rank(np.clip(np.linalg.eigvalsh(r @ sb @ r), 0, None), 1e-8)

def near(u):
    s = u @ u.T; np.fill_diagonal(s, -9)
    return [set(np.argsort(-r, kind="stable")[:10]) for r in s]

def cka(a, b):
    a, b = a - a.mean(0), b - b.mean(0)
    f = lambda x, y: np.linalg.norm(x.T @ y)
    return f(a, b) ** 2 / (f(a, a) * f(b, b))

def measure(x, before, views, q):
    n, d = x.shape
    out = {}
    s = np.linalg.svd(x, compute_uv=False)
    out["rankme"] = entropy_rank(s, 1e-7)
    lam = np.sort(np.clip(np.linalg.eigvalsh(np.cov(x.T)), 0, None))[::-1][:min(n, d)]
    out["participation"] = lam.sum() ** 2 / (lam ** 2).sum()
    out["nesum"] = lam.sum() / lam[0]
    out["alive"] = float((lam > 1e-4 * lam[0]).mean())
    rank = (lam > len(lam) * 2.0 ** -52 * lam[0]).sum()  # n centered rows have a rank of n-1
    i = np.arange(11, min(50, rank) + 1)
    if len(i) >= 10:
        a, c = np.polyfit(np.log(i), np.log(lam[i - 1]), 1)
        fit = a * np.log(i) + c; y = np.log(lam[i - 1])
        out["alpha"], out["alpha_fit"] = -a, 1 - ((y - fit) ** 2).sum() / ((y - y.mean()) ** 2).sum()
    u = unit(x); mu = u.mean(0); sig = np.cov(u.T, bias=True)
    root = np.sqrt(np.clip(np.linalg.eigvalsh(sig), 0, None)).sum()
    out["wasserstein"] = np.sqrt(mu @ mu + 1 + np.trace(sig) - 2 / np.sqrt(d) * root)
    dist = ((u[:, None] - u[None]) ** 2).sum(-1)[np.triu_indices(n, 1)]
    out["uniformity"] = np.log(np.exp(-2 * dist).mean())
    out["churn"] = 1 - np.mean([len(a & b) / 10 for a, b in zip(near(u), near(unit(before)))])
    out["cka"] = cka(x, before)
    v = unit(views).reshape(-1, q, d)
    pairs = [((v[:, a] - v[:, b]) ** 2).sum(-1) for a in range(q) for b in range(a)]
    out["alignment"] = np.mean(pairs)
    out["lidar"] = lidar(views, q)
    return {k: float(v) for k, v in out.items()}, s

def peer(folder, x, views, q):
    """RankMe's ε is 1e-5 there, LiDAR takes groups of q rows."""
    import torch
    src = open(folder + "/stable_pretraining/callbacks/lidar.py").read()
    body = src[src.index("class LiDAR"):].replace("(Callback)", "").replace(".eye(d, device=device)", ".eye(d, device=device, dtype=embeddings.dtype)")
    space = dict(torch=torch, Union=None, Iterable=None, Optional={dict: None}, logging=None)
    space.update(Trainer=None, LightningModule=None)
    class Any:
        def __getitem__(self, k): return None
    space["Union"] = space["Iterable"] = space["Optional"] = Any()
    exec(body, space)
    self = types.SimpleNamespace(n_classes=views.shape[0] // q, samples_per_class=q, delta=1e-4, epsilon=1e-8, name="")
    l = space["LiDAR"]._compute_lidar(self, torch.from_numpy(views))["lidar"]
    s = torch.linalg.svdvals(torch.from_numpy(x))  # its RankMe in full, rankme.py
    p = (s / torch.sum(s, axis=0)) + 1e-5
    return {"rankme_1e-5": float(torch.exp(-torch.sum(p * torch.log(p)))), "lidar": l}

cases = []
for n, d, decay, q in [(60, 24, 0.5, 4), (40, 72, 1.0, 2), (128, 64, 0.0, 3), (24, 8, 0.2, 2)]:
    x, before = features(n, d, decay, 0), features(n, d, decay, 0.1)
    w = np.repeat(features(n // 2, d, decay, 0), q, 0) + 0.2 * features(n // 2 * q, d, decay / 2, 2)
    values, s = measure(x, before, w, q)
    cases.append({"n": n, "d": d, "decay": decay, "q": q, "values": values, "singular": [float(s[0]), float(s[-1])], "peer": peer(sys.argv[1], x, w, q)})
json.dump(cases, open("golden.json", "w"), indent=1)
