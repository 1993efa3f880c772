#!/usr/bin/python3
"""Writes the image files of this folder and, as NAME.rgb (width and height as
little-endian uint16, then the pixels), what Pillow's convert('RGB') makes of
them. Debian 12: python3-pil, python3-numpy.

    make.py [FOLDER WIDTH HEIGHT]   noise of another size into another folder
"""
import os
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

W, H = 23, 17
if len(sys.argv) > 1:
    W, H = int(sys.argv[2]), int(sys.argv[3])
os.chdir(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent)
y, x = np.mgrid[0:H, 0:W]
rgb = np.stack([x * 11, y * 15, (x + y) * 6], -1).astype(np.uint8)
rgb[4:9, 5:14] = [250, 20, 60]
if len(sys.argv) > 1:
    rgb = np.random.default_rng(W * H).integers(0, 256, (H, W, 3), np.uint8)
gray = rgb[..., 1]
alpha = (255 - x * 11).astype(np.uint8)
im = Image.fromarray(rgb)
rgba = Image.fromarray(np.dstack([rgb, alpha]))


def png(name, kind, depth, values, trns=None, interlace=0):
    """values: integers [H, W] or [H, W, C]; kind: 0 gray, 2 RGB, 4 gray and alpha, 6 RGBA."""
    rows = b""
    for row in values.reshape(H, -1):
        if depth == 16:
            line = row.astype(">u2").tobytes()
        elif depth == 8:
            line = row.astype(np.uint8).tobytes()
        else:
            bits = "".join(format(int(v), f"0{depth}b") for v in row)
            bits += "0" * (-len(bits) % 8)
            line = bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))
        rows += b"\0" + line

    def chunk(tag, data):
        return struct.pack(">I", len(data)) + tag + data + struct.pack(">I", zlib.crc32(tag + data))

    out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", W, H, depth, kind, 0, 0, interlace))
    if trns is not None:
        out += chunk(b"tRNS", struct.pack(f">{len(trns)}H", *trns))
    Path(name).write_bytes(out + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


deep = rgb.astype(int) * 256 + 77
png("gray2.png", 0, 2, gray // 64)
png("gray4.png", 0, 4, gray // 16)
png("gray16.png", 0, 16, gray.astype(int) * 2)
png("gray16-key.png", 0, 16, gray.astype(int) * 2, trns=[60])
png("gray-key.png", 0, 8, gray, trns=[30])
png("rgb-key.png", 2, 8, rgb, trns=[250, 20, 60])
png("rgb16.png", 2, 16, deep)
png("rgba16.png", 6, 16, np.dstack([deep, alpha.astype(int) * 256]))
png("gray-alpha16.png", 4, 16, np.dstack([deep[..., 0], alpha.astype(int) * 256]))
im.save("rgb.png")
Image.fromarray(gray).save("gray.png")
Image.fromarray(gray > 120).save("bits.png")
rgba.save("rgba.png")
rgba.convert("LA").save("gray-alpha.png")
im.quantize(16).save("palette.png", bits=4)
im.quantize(40).save("palette-alpha.png", transparency=bytes(range(0, 240, 6)))

im.save("rgb.jpg", quality=92)
im.save("rgb444.jpg", quality=92, subsampling=0)
im.save("progressive.jpg", progressive=True)
Image.fromarray(gray).save("gray.jpg")
im.convert("CMYK").save("cmyk.jpg", quality=95)
# The same coefficients as YCCK: Adobe's marker says which.
b = bytearray(Path("cmyk.jpg").read_bytes())
b[b.index(b"Adobe") + 11] = 2
Path("ycck.jpg").write_bytes(b)
exif = Image.Exif()
exif[0x0112] = 6  # turn by 90 degrees
im.save("turned.jpg", exif=exif)
Path("no-end.jpg").write_bytes(Path("rgb.jpg").read_bytes()[:-2])

im.save("rgb.bmp")
im.quantize(20).save("palette.bmp")
Image.fromarray(gray).save("gray.bmp")
rgba.save("rgba.bmp")

im.save("lossy.webp", quality=80)
rgba.save("lossy-alpha.webp", quality=80)
im.save("lossless.webp", lossless=True)
rgba.save("lossless-alpha.webp", lossless=True)
Image.fromarray(rgb[:1, :1]).save("one.webp", quality=80)
Image.fromarray(rgb[:1, :1]).save("one.png")
Image.fromarray(rgb[:1, :1]).save("one.jpg")

for f in sorted(Path(".").iterdir()):
    if f.suffix in (".png", ".jpg", ".bmp", ".webp"):
        try:
            out = Image.open(f).convert("RGB")
        except OSError as e:
            print(f, e)
            continue
        Path(str(f) + ".rgb").write_bytes(struct.pack("<HH", *out.size) + out.tobytes())
