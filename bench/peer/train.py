#!/usr/bin/python3
"""A short training of MoCo v1 in plain PyTorch on small images, and the k-NN accuracy of its encoder before and
after, as

    contralens contrast --method MoCo --arch resnet18 --width 0.25 --stem cifar --input_res 32 --crop 0.2 \\
        --batch_size 128 -k 2048 --alpha 0.99 --learning_rate 0.06 --weight_decay 5e-4

does it, of images of 32 px. With --wo_norm embeddings keep their length, as with `--method MoCo_wo_norm`. Images are
drawn at random, votes weighted with exp(cosine/0.07).

Debian: apt-get install python3-torch python3-torchvision python3-pil
"""

import argparse
import os
import time

import torch
import torch.nn as nn
import torch.nn.functional as F
from PIL import Image
from torchvision import transforms as T

p = argparse.ArgumentParser()
p.add_argument("--data_folder", required=True, help="class folders in train/ and test/")
p.add_argument(
    "--limit", type=int, default=10000, help="images of train/, drawn at random, for training and as neighbors"
)
p.add_argument("--test_limit", type=int, default=2000, help="images of test/")
p.add_argument("--wo_norm", action="store_true")
p.add_argument("--seconds", type=float, default=300)
p.add_argument("--learning_rate", type=float, default=0.06)
p.add_argument("--alpha", type=float, default=0.99)
p.add_argument("--batch_size", type=int, default=128)
p.add_argument("-k", type=int, default=2048)
p.add_argument("--epochs", type=int, default=0, help="train for epochs instead of --seconds")
p.add_argument("--seed", type=int, default=0)
p.add_argument("--out", help="file for the encoder's weights, named as in torchvision")
p.add_argument("--threads", type=int, default=os.cpu_count())
a = p.parse_args()
torch.set_num_threads(a.threads)
torch.manual_seed(a.seed)
tau, d, width = 0.07, 128, 16


class Block(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o)
        self.conv2, self.bn2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
        self.downsample = (
            nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o))
            if stride > 1 or i != o
            else nn.Identity()
        )

    def forward(self, x):
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + self.downsample(x))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1, i = nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), width
        for n, (o, stride) in enumerate(((width, 1), (2 * width, 2), (4 * width, 2), (8 * width, 2))):
            setattr(self, "layer%d" % (n + 1), nn.Sequential(Block(i, o, stride), Block(o, o, 1)))
            i = o

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        return self.layer4(self.layer3(self.layer2(self.layer1(x)))).mean((2, 3))


def encoder():
    net = Encoder()
    for m in net.modules():
        if isinstance(m, nn.Conv2d):
            nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
    return net


def network():
    return nn.Sequential(encoder(), nn.Linear(8 * width, d))


def read(part, limit):
    root = os.path.join(a.data_folder, part)
    kinds = sorted(os.listdir(root))
    paths = [
        (os.path.join(root, kind, f), i)
        for i, kind in enumerate(kinds)
        for f in sorted(os.listdir(os.path.join(root, kind)))
    ]
    drawn = [paths[i] for i in torch.randperm(len(paths), generator=torch.Generator().manual_seed(1))[:limit]]
    return [Image.open(path).convert("RGB") for path, _ in drawn], torch.tensor([label for _, label in drawn])


normalize = [T.ToTensor(), T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])]
view = T.Compose(
    [
        T.RandomResizedCrop(32, scale=(0.2, 1.0)),
        T.RandomGrayscale(0.2),
        T.ColorJitter(0.4, 0.4, 0.4, 0.4),
        T.RandomHorizontalFlip(),
    ]
    + normalize
)
plain = T.Compose(normalize)


def features(net, images):
    net.eval()
    with torch.no_grad():
        parts = [net(torch.stack([plain(x) for x in images[i : i + 200]])) for i in range(0, len(images), 200)]
    net.train()
    return F.normalize(torch.cat(parts), dim=1)


def knn(net):
    """Weighted vote of the 200 nearest."""
    kept, asked = features(net, train), features(net, test)
    weight, nearest = (asked @ kept.t()).topk(min(200, len(train)))
    votes = torch.zeros(len(test), int(train_labels.max()) + 1).scatter_add_(
        1, train_labels[nearest], (weight / 0.07).exp()
    )
    return 100 * (votes.argmax(1) == test_labels).float().mean().item()


(train, train_labels), (test, test_labels) = read("train", a.limit), read("test", a.test_limit)
query, key = network(), network()
key.load_state_dict(query.state_dict())
before = knn(query[0])
optimizer = torch.optim.SGD(query.parameters(), a.learning_rate, momentum=0.9, weight_decay=5e-4)
queue, at, step, begin = F.normalize(torch.randn(a.k, d), dim=1), 0, 0, time.time()
embed = (lambda net, x: net(x)) if a.wo_norm else (lambda net, x: F.normalize(net(x), dim=1))
epoch = 0


def more():
    return epoch < a.epochs if a.epochs else time.time() - begin < a.seconds


while more():
    losses = []
    for rows in torch.randperm(len(train)).split(a.batch_size):
        if len(rows) < a.batch_size and (not a.epochs or len(rows) < 2) or not more():
            break
        xq, xk = (torch.stack([view(train[i]) for i in rows.tolist()]) for _ in range(2))
        with torch.no_grad():
            k = embed(key, xk)
        q = embed(query, xq)
        logits = torch.cat([(q * k).sum(1, True), q @ queue.t()], 1) / tau
        loss = F.cross_entropy(logits, torch.zeros(len(rows), dtype=torch.long))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for w, m in zip(query.parameters(), key.parameters()):
                m.mul_(a.alpha).add_(w, alpha=1 - a.alpha)
        queue[(torch.arange(len(rows)) + at) % a.k], at, step = k, (at + len(rows)) % a.k, step + 1
        losses.append(loss.item())
        if step % 20 == 0:
            print(
                "step %d loss %.3f acc %.1f %%" % (step, loss, 100 * (logits.argmax(1) == 0).float().mean()), flush=True
            )
    epoch += 1
    if a.epochs and losses:  # with --seconds, k-NN would take of the time
        print("epoch %d: mean loss %.4f, k-NN %.2f %%" % (epoch, sum(losses) / len(losses), knn(query[0])), flush=True)
if a.out:
    torch.save({"state_dict": query[0].state_dict()}, a.out)
print("k-NN %.2f %%, untrained %.2f %%, after %.1f epochs" % (knn(query[0]), before, step * a.batch_size / len(train)))
