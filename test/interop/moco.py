"""A plain MoCo v2 with the feature transformation in PyTorch, recorded with docs/recorder.py.

    moco.py RUN EPOCHS [RESUME]      RESUME is a step, or True

It prints the steps and some statistics of the scores as JSON, computed by PyTorch."""
import json, sys
import torch
from torch import nn
from torch.nn.functional import normalize
from recorder import Recorder

run, epochs, resume = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3].lower()) if len(sys.argv) > 3 else None
options = dict(method="MoCov2", mem="moco", arch="two layers", batch_size=16, nce_k=64, nce_t=0.2, alpha=0.9, epochs=epochs, amp=False)
N, K, tau, m = options["batch_size"], options["nce_k"], options["nce_t"], options["alpha"]
record = Recorder(run, config=options, resume=resume, ft=True)
torch.manual_seed(record.step)

def encoder():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 16))

query, key = encoder(), encoder()
key.load_state_dict(query.state_dict())
queue = normalize(torch.randn(K, 16), dim=1)
optimizer = torch.optim.SGD(query.parameters(), lr=0.1)
images, seen = torch.rand(N * 10, 8, 8), []
for epoch in range(record.step // 10 + 1, epochs + 1):
    for batch in images.split(N):
        q = normalize(query(batch + 0.1 * torch.randn_like(batch)), dim=1)
        with torch.no_grad():
            for a, b in zip(key.parameters(), query.parameters()):
                a.mul_(m).add_(b, alpha=1 - m)
            k = normalize(key(batch + 0.1 * torch.randn_like(batch)), dim=1)
        before, lam = (q * k).sum(1), float(torch.distributions.Beta(2, 2).sample()) + 1
        q2, k2 = lam * q + (1 - lam) * k, lam * k + (1 - lam) * q  # extrapolated from the third epoch on
        pos, neg = (q2 * k2).sum(1) if epoch > 2 else before, q @ queue.T
        loss = nn.functional.cross_entropy(torch.cat([pos[:, None], neg], 1) / tau, torch.zeros(N, dtype=torch.long))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        queue = torch.cat([k, queue])[:K]

        if epoch > 2:
            record(pos, neg, tau, loss=loss, epoch=epoch, lr=0.1, before=(before, neg), lam=(lam, float("nan")))
        else:
            record(pos, neg, tau, loss=loss, epoch=epoch, lr=0.1)
        seen.append([record.step, loss.item(), pos.mean().item(), before.mean().item(), neg.var(1).mean().item(),
                     (pos > neg.max(1).values).float().mean().item() * 100])
    record.epoch(epoch)
    record.knn(50 + epoch, epoch)
print(json.dumps(seen))
