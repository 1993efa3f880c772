#!/usr/bin/python3
"""Images per second of processor time of a view pipeline in torchvision with Pillow, in one process.

Usage: views.py FOLDER PIPELINE VIEWS SIZE SECONDS
Debian: apt-get install python3-torch python3-torchvision python3-pil
"""

import os, random, sys, time
import torch
from PIL import Image, ImageFilter
from torchvision import transforms as T

torch.set_num_threads(1)
root, name, views, size, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])


def blur(image):
    return image.filter(ImageFilter.GaussianBlur(radius=random.uniform(0.1, 2.0)))


crop = [T.RandomResizedCrop(size, scale=(0.2, 1.0)), T.RandomHorizontalFlip()]
pipelines = {
    "A": crop + [T.ColorJitter(0.4, 0.4, 0.4, 0.4), T.RandomGrayscale(0.2)],
    "B": crop
    + [
        T.RandomApply([T.ColorJitter(0.4, 0.4, 0.4, 0.1)], 0.8),
        T.RandomGrayscale(0.2),
        T.RandomApply([T.Lambda(blur)], 0.5),
    ],
    "C": crop + [T.ColorJitter(0.4, 0.4, 0.4, 0.1)],
    "NULL": crop,
    "eval": [T.Resize(size * 256 // 224), T.CenterCrop(size)],
}
if name not in pipelines:
    sys.exit("want one of the pipelines %s, got %s" % (", ".join(pipelines), name))
transform = T.Compose(pipelines[name] + [T.ToTensor(), T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])

kinds = (".jpg", ".jpeg", ".png")
paths = sorted(os.path.join(d, f) for d, _, files in os.walk(root) for f in files if f.lower().endswith(kinds))
if not paths:
    sys.exit("want a folder with images, found none below " + root)
random.Random(0).shuffle(paths)
images, start, used = 0, time.time(), time.process_time()
while time.time() - start < seconds:
    with open(paths[images % len(paths)], "rb") as f:
        image = Image.open(f).convert("RGB")
    for _ in range(views):
        transform(image)
    images += 1
print("%.2f" % (images / (time.process_time() - used)))
