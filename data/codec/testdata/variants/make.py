#!/usr/bin/python3
"""Writes variants.zip: image files of the kinds that people bring, sound ones and ones that
break their format's rules. NAME.rgb has what Pillow's convert('RGB') makes of a file (width
and height as little-endian uint16, then the pixels). A file that Pillow refuses has an empty
NAME.refused. Needs Pillow and NumPy.

    make.py [OTHER.zip WIDTH HEIGHT]   noise of another size
"""
import io
import os
import struct
import sys
import tempfile
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

warnings.simplefilter("ignore")
W, H = 23, 17
if len(sys.argv) > 1:
    W, H = int(sys.argv[2]), int(sys.argv[3])
archive = (Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "variants.zip").resolve()
folder = tempfile.TemporaryDirectory()
os.chdir(folder.name)

y, x = np.mgrid[0:H, 0:W]
rgb = np.stack([x * 11, y * 15, (x + y) * 6], -1).astype(np.uint8)
rgb[4:9, 5:14] = [250, 20, 60]
if len(sys.argv) > 1:
    rgb = np.random.default_rng(W * H).integers(0, 256, (H, W, 3), np.uint8)
gray = rgb[..., 1]
alpha = (255 - x * 11).astype(np.uint8)
im = Image.fromarray(rgb)
rgba = Image.fromarray(np.dstack([rgb, alpha]))
gray_im = Image.fromarray(gray)
index = ((x // 3 + y // 2) % 16).astype(np.uint8)
colors = [(i * 16, 255 - i * 9, (i * 53) % 256) for i in range(256)]
colors = [(r % 256, g % 256, b % 256) for r, g, b in colors]


def put(name, data):
    Path(name).write_bytes(data)


# ---- PNG ----------------------------------------------------------------------------

def chunk(tag, data, crc=None):
    crc = zlib.crc32(tag + data) if crc is None else crc
    return struct.pack(">I", len(data)) + tag + data + struct.pack(">I", crc)


def scanlines(values, depth):
    rows = b""
    for row in values.reshape(values.shape[0], -1):
        if depth == 16:
            line = row.astype(">u2").tobytes()
        elif depth == 8:
            line = row.astype(np.uint8).tobytes()
        else:
            bits = "".join(format(int(v), f"0{depth}b") for v in row)
            bits += "0" * (-len(bits) % 8)
            line = bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))
        rows += b"\0" + line
    return rows


def passes(values, depth):
    """Adam7."""
    rows = b""
    for x0, y0, dx, dy in [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]:
        part = values[y0::dy, x0::dx]
        if part.size:
            rows += scanlines(part, depth)
    return rows


SIGNATURE = b"\x89PNG\r\n\x1a\n"
IEND = chunk(b"IEND", b"")


def header(kind, depth, interlace=0):
    return chunk(b"IHDR", struct.pack(">IIBBBBB", W, H, depth, kind, 0, 0, interlace))


def palette(n):
    return chunk(b"PLTE", b"".join(bytes(c) for c in (colors * 2)[:n]))


def png(name, kind, depth, values, before=b"", interlace=0, idat=None, after=b"", end=IEND, pixels=None):
    if pixels is None:
        pixels = zlib.compress(passes(values, depth) if interlace else scanlines(values, depth))
    put(name, SIGNATURE + header(kind, depth, interlace) + before + (idat or chunk(b"IDAT", pixels)) + after + end)


z = zlib.compress(scanlines(rgb, 8))
deep = rgb.astype(int) * 256 + 77
deep_gray = gray.astype(int) * 2
png("png-plain.png", 2, 8, rgb)
png("png-no-adler.png", 2, 8, rgb, pixels=z[:-4])
png("png-bad-adler.png", 2, 8, rgb, pixels=z[:-4] + b"abcd")
png("png-idat-bad-crc.png", 2, 8, rgb, idat=chunk(b"IDAT", z, 7))
png("png-ihdr-bad-crc.png", 2, 8, rgb)
b = bytearray(Path("png-ihdr-bad-crc.png").read_bytes())
b[29] ^= 1
put("png-ihdr-bad-crc.png", b)
png("png-text-bad-crc.png", 2, 8, rgb, before=chunk(b"tEXt", b"Title\0x", 7))
png("png-iend-bad-crc.png", 2, 8, rgb, end=chunk(b"IEND", b"", 7))
png("png-time-after-bad-crc.png", 2, 8, rgb, after=chunk(b"tIME", b"\x07\xe6\1\1\1\1\1", 7))
png("png-no-end.png", 2, 8, rgb, end=b"")
png("png-cut-iend.png", 2, 8, rgb, end=IEND[:6])
png("png-trailing-byte.png", 2, 8, rgb, end=IEND + b"x")
png("png-trailing-text.png", 2, 8, rgb, end=IEND + b"<html>" * 99)
png("png-trailing-zip.png", 2, 8, rgb, end=IEND + b"PK\3\4" + b"\0" * 50)
png("png-extra-row.png", 2, 8, rgb, pixels=zlib.compress(scanlines(rgb, 8) + b"\0" * (3 * W + 1)))
png("png-extra-bytes-in-idat.png", 2, 8, rgb, pixels=z + b"garbage")
png("png-extra-idat.png", 2, 8, rgb, idat=chunk(b"IDAT", z) + chunk(b"IDAT", b"garbage"))
png("png-many-idat.png", 2, 8, rgb, idat=b"".join(chunk(b"IDAT", z[i:i + 7]) for i in range(0, len(z), 7)))
png("png-empty-idat.png", 2, 8, rgb, idat=chunk(b"IDAT", b"") + chunk(b"IDAT", z) + chunk(b"IDAT", b""))
png("png-chunk-between-idat.png", 2, 8, rgb, idat=chunk(b"IDAT", z[:40]) + chunk(b"tEXt", b"a\0b") + chunk(b"IDAT", z[40:]))
png("png-half.png", 2, 8, rgb, pixels=zlib.compress(scanlines(rgb[:H // 2], 8)))
png("png-cut.png", 2, 8, rgb)
put("png-cut.png", Path("png-cut.png").read_bytes()[:-60])
png("png-palette-in-rgb.png", 2, 8, rgb, before=palette(16))
png("png-rgb-key.png", 2, 8, rgb, before=chunk(b"tRNS", struct.pack(">3H", 250, 20, 60)))
png("png-rgb-key-short.png", 2, 8, rgb, before=chunk(b"tRNS", b"\0\1"))
png("png-gamma.png", 2, 8, rgb, before=chunk(b"gAMA", struct.pack(">I", 45455)) + chunk(b"pHYs", b"\0\0\1\0\0\0\1\0\1"))
png("png-bad-profile.png", 2, 8, rgb, before=chunk(b"iCCP", b"x\0\0not zlib"))
png("png-unknown-chunk.png", 2, 8, rgb, before=chunk(b"juNK", b"what"))
for depth in (1, 2, 4, 8):
    few = index & ((1 << depth) - 1)
    for interlace in (0, 1):
        png(f"png-palette{depth}{'-adam7' * interlace}.png", 3, depth, few, before=palette(min(256, 1 << depth)), interlace=interlace)
        png(f"png-gray{depth}{'-adam7' * interlace}.png", 0, depth, gray >> (8 - depth), interlace=interlace)
png("png-palette-long.png", 3, 4, index, before=palette(20))
png("png-palette-300.png", 3, 8, index, before=palette(300))
png("png-palette-uneven.png", 3, 4, index, before=chunk(b"PLTE", bytes(range(49))))
png("png-palette-short.png", 3, 4, index, before=palette(12))
png("png-palette-missing.png", 3, 4, index)
png("png-trns-before-plte.png", 3, 4, index, before=chunk(b"tRNS", b"\0\x80") + palette(16))
png("png-trns-long.png", 3, 4, index, before=palette(16) + chunk(b"tRNS", bytes(range(40))))
png("png-trns-after-idat.png", 3, 4, index, before=palette(16), after=chunk(b"tRNS", b"\0\x80"))
png("png-two-palettes.png", 3, 4, index, before=palette(16) + palette(16))
for name, kind, depth, values in [
        ("gray16", 0, 16, deep_gray), ("rgb16", 2, 16, deep), ("gray-alpha", 4, 8, np.dstack([gray, alpha])),
        ("gray-alpha16", 4, 16, np.dstack([deep_gray, alpha.astype(int) * 256])), ("rgba", 6, 8, np.dstack([rgb, alpha])),
        ("rgba16", 6, 16, np.dstack([deep, alpha.astype(int) * 256]))]:
    png(f"png-{name}-adam7.png", kind, depth, values, interlace=1)
png("png-gray16-bad-crc.png", 0, 16, deep_gray, idat=chunk(b"IDAT", zlib.compress(scanlines(deep_gray, 16)), 7))
png("png-adam7-no-end.png", 2, 8, rgb, interlace=1, end=b"")
png("png-adam7-extra-row.png", 2, 8, rgb, pixels=zlib.compress(passes(rgb, 8) + b"\0" * 99), interlace=1)
im.save("png-animated.png", save_all=True, append_images=[im.rotate(90)])
im.save("png-named.jpg", format="png")

# ---- JPEG ---------------------------------------------------------------------------


def jpeg(image=im, **options):
    out = io.BytesIO()
    image.save(out, "jpeg", **options)
    return out.getvalue()


j = jpeg(quality=90)
sof, sos = j.index(b"\xff\xc0"), j.index(b"\xff\xda")
put("jpeg-plain.jpg", j)
put("jpeg-trailing.jpg", j + b"<html>" * 99)
put("jpeg-stray-before-marker.jpg", j[:sof] + b"\0\1\2" + j[sof:])
put("jpeg-stray-after-start.jpg", j[:2] + b"\0" + j[2:])
put("jpeg-padding.jpg", j[:sof] + b"\xff\xff\xff" + j[sof:])
put("jpeg-stray-before-scan.jpg", j[:sos] + b"stray" + j[sos:])
put("jpeg-stray-before-end.jpg", j[:-2] + b"\0\0\0\0" + j[-2:])
put("jpeg-no-end.jpg", j[:-2])
put("jpeg-cut-10.jpg", j[:-10])
put("jpeg-half.jpg", j[:len(j) // 2])
put("jpeg-zeros-at-end.jpg", j[:-20] + b"\0" * 20)
put("jpeg-two-images.jpg", j + jpeg(im.rotate(90)))
put("jpeg-no-jfif.jpg", j[:2] + j[20:])
put("jpeg-damaged.jpg", j[:sos + 40] + b"\x55" + j[sos + 41:])
im.save("jpeg-420.jpg", subsampling=2)
im.save("jpeg-422.jpg", subsampling=1)
im.save("jpeg-progressive.jpg", progressive=True)
p = jpeg(progressive=True)
put("jpeg-progressive-cut.jpg", p[:-12])
im.convert("CMYK").save("jpeg-cmyk.jpg", quality=95)
c = bytearray(jpeg(im.convert("CMYK"), quality=95))
at = c.index(b"Adobe")
c[at + 11] = 2
put("jpeg-ycck.jpg", c)
put("jpeg-cmyk-no-adobe.jpg", bytes(c[:at - 4]) + bytes(c[at + 12:]))
adobe = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0"
put("jpeg-adobe-rgb.jpg", jpeg(subsampling=0)[:2] + adobe + b"\0" + jpeg(subsampling=0)[20:])
put("jpeg-adobe-ycc.jpg", j[:2] + adobe + b"\1" + j[20:])
gray_im.save("jpeg-gray.jpg")
put("jpeg-upper.JPG", j)
put("jpeg-named.png", j)

# ---- BMP ----------------------------------------------------------------------------


def bmp_rows(values, depth, down=False):
    out = []
    for row in values if down else values[::-1]:
        if depth < 8:
            bits = "".join(format(int(v), f"0{depth}b") for v in row)
            bits += "0" * (-len(bits) % 8)
            line = bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))
        elif depth == 8:
            line = row.astype(np.uint8).tobytes()
        elif depth == 16:
            line = row.astype("<u2").tobytes()
        elif depth == 24:
            line = row[:, ::-1].astype(np.uint8).tobytes()
        else:
            line = row.astype("<u4").tobytes()
        out.append(line + b"\0" * (-len(line) % 4))
    return b"".join(out)


def bmp(name, depth, pixels, size=40, compression=0, table=b"", used=0, down=False, masks=b"", gap=b"", offset=None, planes=1):
    if size == 12:
        info = struct.pack("<IHHHH", 12, W, H, planes, depth)
    else:
        info = struct.pack("<IiiHHIIiiII", size, W, -H if down else H, planes, depth, compression, len(pixels), 2835, 2835, used, 0)
        if size > 40:
            info += masks
            info += b"\0" * (size - len(info))
        else:
            info += masks
    start = 14 + len(info) + len(table) + len(gap)
    put(name, b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start if offset is None else offset) + info + table + gap + pixels)


def table(n, of=4):
    return b"".join(bytes((b, g, r)) + b"\0" * (of - 3) for r, g, b in colors[:n])


v555 = (rgb[..., 0].astype(int) >> 3) << 10 | (rgb[..., 1].astype(int) >> 3) << 5 | rgb[..., 2] >> 3
v565 = (rgb[..., 0].astype(int) >> 3) << 11 | (rgb[..., 1].astype(int) >> 2) << 5 | rgb[..., 2] >> 3
v32 = alpha.astype(np.uint32) << 24 | rgb[..., 0].astype(np.uint32) << 16 | rgb[..., 1].astype(np.uint32) << 8 | rgb[..., 2]
v32r = alpha.astype(np.uint32) << 24 | rgb[..., 2].astype(np.uint32) << 16 | rgb[..., 1].astype(np.uint32) << 8 | rgb[..., 0]
v32h = rgb[..., 0].astype(np.uint32) << 24 | rgb[..., 1].astype(np.uint32) << 16 | rgb[..., 2].astype(np.uint32) << 8 | alpha
for down in (False, True):
    s = "-down" * down
    for depth in (1, 4, 8):
        bmp(f"bmp-{depth}{s}.bmp", depth, bmp_rows(index & ((1 << depth) - 1), depth, down), table=table(1 << depth), down=down)
    bmp(f"bmp-555{s}.bmp", 16, bmp_rows(v555, 16, down), down=down)
    bmp(f"bmp-565{s}.bmp", 16, bmp_rows(v565, 16, down), compression=3, masks=struct.pack("<III", 0xf800, 0x7e0, 0x1f), down=down)
    bmp(f"bmp-24{s}.bmp", 24, bmp_rows(rgb, 24, down), down=down)
    bmp(f"bmp-32{s}.bmp", 32, bmp_rows(v32, 32, down), down=down)
bmp("bmp-2.bmp", 2, bmp_rows(index % 4, 2), table=table(4))
bmp("bmp-555-masks.bmp", 16, bmp_rows(v555, 16), compression=3, masks=struct.pack("<III", 0x7c00, 0x3e0, 0x1f))
bmp("bmp-4-used-12.bmp", 4, bmp_rows(index % 12, 4), table=table(12), used=12)
bmp("bmp-4-index-beyond.bmp", 4, bmp_rows(index, 4), table=table(12), used=12)
bmp("bmp-8-used-16.bmp", 8, bmp_rows(index, 8), table=table(16), used=16)
bmp("bmp-8-gray.bmp", 8, bmp_rows(gray, 8), table=b"".join(bytes((i, i, i, 0)) for i in range(256)))
bmp("bmp-8-gap.bmp", 8, bmp_rows(index, 8), table=table(16), used=16, gap=b"\0" * 10)
bmp("bmp-24-gap.bmp", 24, bmp_rows(rgb, 24), gap=b"\0" * 22)
bmp("bmp-24-palette.bmp", 24, bmp_rows(rgb, 24), table=table(16), used=16)
bmp("bmp-24-planes.bmp", 24, bmp_rows(rgb, 24), planes=0)
for depth in (1, 4, 8):
    bmp(f"bmp-{depth}-core.bmp", depth, bmp_rows(index & ((1 << depth) - 1), depth), size=12, table=table(1 << depth, 3))
bmp("bmp-24-core.bmp", 24, bmp_rows(rgb, 24), size=12)
bmp("bmp-24-os2.bmp", 24, bmp_rows(rgb, 24), size=64)
for size in (52, 56, 108, 124):
    m = struct.pack("<IIII", 0xff0000, 0xff00, 0xff, 0xff000000)[:16 if size > 52 else 12]
    bmp(f"bmp-32-v{size}.bmp", 32, bmp_rows(v32, 32), size=size, compression=3, masks=m)
    bmp(f"bmp-24-v{size}.bmp", 24, bmp_rows(rgb, 24), size=size)
    bmp(f"bmp-8-v{size}.bmp", 8, bmp_rows(index, 8), size=size, table=table(256))
bmp("bmp-32-masks-rgbx.bmp", 32, bmp_rows(v32, 32), compression=3, masks=struct.pack("<III", 0xff0000, 0xff00, 0xff))
bmp("bmp-32-masks-bgr.bmp", 32, bmp_rows(v32r, 32), size=108, compression=3, masks=struct.pack("<IIII", 0xff, 0xff00, 0xff0000, 0xff000000))
bmp("bmp-32-masks-high.bmp", 32, bmp_rows(v32h, 32), size=108, compression=3, masks=struct.pack("<IIII", 0xff000000, 0xff0000, 0xff00, 0xff))
bmp("bmp-32-masks-odd.bmp", 32, bmp_rows(v32, 32), size=108, compression=3, masks=struct.pack("<IIII", 0xff00, 0xff, 0xff0000, 0))


def rle(values, depth):
    out = b""
    for row in values[::-1]:
        i = 0
        while i < W:
            n = 1
            while i + n < W and row[i + n] == row[i] and n < 255:
                n += 1
            if n == 1 and i + 4 <= W:  # literal pixels
                out += bytes((0, 4))
                if depth == 8:
                    out += bytes(int(v) for v in row[i:i + 4])
                else:
                    out += bytes((int(row[i]) << 4 | int(row[i + 1]), int(row[i + 2]) << 4 | int(row[i + 3])))
                i += 4
            else:
                v = int(row[i])
                out += bytes((n, v if depth == 8 else v << 4 | v))
                i += n
        out += b"\0\0"
    return out


bmp("bmp-rle8.bmp", 8, rle(index, 8) + b"\0\1", compression=1, table=table(256))
bmp("bmp-rle4.bmp", 4, rle(index, 4) + b"\0\1", compression=2, table=table(16))
bmp("bmp-rle8-no-end.bmp", 8, rle(index, 8), compression=1, table=table(256))
bmp("bmp-rle8-odd-literal.bmp", 8, (b"\0\3\1\2\3\0" + bytes((W - 3, 5)) + b"\0\0") * H + b"\0\1", compression=1, table=table(256))
bmp("bmp-rle8-delta.bmp", 8, bytes((5, 3, 0, 2, 2, 1, 4, 7)) + b"\0\0" + bytes((W, 2, 0, 0)) * (H - 3) + b"\0\1", compression=1, table=table(256))
bmp("bmp-rle8-early-end.bmp", 8, bytes((9, 3, 0, 0, 4, 5, 0, 1)), compression=1, table=table(256))
bmp("bmp-rle8-short-lines.bmp", 8, bytes((9, 3, 0, 0)) * H + b"\0\1", compression=1, table=table(256))
bmp("bmp-cut.bmp", 24, bmp_rows(rgb, 24)[:-30])
bmp("bmp-trailing.bmp", 24, bmp_rows(rgb, 24) + b"trailing")
bmp("bmp-size-wrong.bmp", 24, bmp_rows(rgb, 24))
b = bytearray(Path("bmp-size-wrong.bmp").read_bytes())
b[2:6] = b"\0\0\0\0"
put("bmp-size-wrong.bmp", b)

# ---- GIF ----------------------------------------------------------------------------
pal = im.quantize(40)
pal.save("gif-plain.gif", interlace=0)
pal.save("gif-interlaced.gif", interlace=1)
pal.save("gif-transparent.gif", transparency=3)
gray_im.save("gif-gray.gif")
Image.fromarray(gray > 120).save("gif-bits.gif")
pal.save("gif-animated.gif", save_all=True, append_images=[pal.rotate(90), pal.rotate(180)], duration=100, loop=0)
pal.save("gif-comment.gif", comment=b"hello")
pal.save("gif-named.jpg", format="gif")
g = Path("gif-plain.gif").read_bytes()
put("gif-no-trailer.gif", g[:-1])
put("gif-trailing.gif", g + b"trailing")
put("gif-cut.gif", g[:len(g) * 2 // 3])
put("gif-cut-4.gif", g[:-4])
out = io.BytesIO()
gif_small = im.crop((0, 0, 10, 8)).quantize(16)
gif_small.save(out, "gif")
s = bytearray(out.getvalue())
d = s.index(b",\0\0\0\0")
s[6:10] = struct.pack("<HH", W, H)
s[d + 1:d + 5] = struct.pack("<HH", 5, 6)
put("gif-frame-in-canvas.gif", s)
s[11] = 3
put("gif-frame-background.gif", s)
s[6:10] = struct.pack("<HH", 8, 8)
put("gif-frame-beyond-canvas.gif", s)

# ---- TIFF ---------------------------------------------------------------------------
for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "tiff_deflate"):
    im.save(f"tiff-rgb-{compression}.tif", compression=compression)
    if compression != "jpeg":
        rgba.save(f"tiff-rgba-{compression}.tif", compression=compression)
        gray_im.save(f"tiff-gray-{compression}.tif", compression=compression)
        pal.save(f"tiff-palette-{compression}.tif", compression=compression)
        Image.fromarray(deep_gray.astype(np.uint16)).save(f"tiff-gray16-{compression}.tif", compression=compression)
Image.fromarray(gray > 120).save("tiff-bits.tif")
Image.fromarray(gray > 120).save("tiff-group3.tif", compression="group3")
Image.fromarray(gray > 120).save("tiff-group4.tif", compression="group4")
im.convert("CMYK").save("tiff-cmyk.tif")
im.convert("YCbCr").save("tiff-ycbcr.tif")
im.convert("LAB").save("tiff-lab.tif")
rgba.convert("LA").save("tiff-gray-alpha.tif")
Image.fromarray(gray.astype(np.float32)).save("tiff-float.tif")
Image.fromarray(gray.astype(np.int32)).save("tiff-int32.tif")
im.save("tiff-pages.tif", save_all=True, append_images=[im.rotate(90)])
im.save("tiff-lzw-predictor.tif", compression="tiff_lzw", tiffinfo={317: 2})


def tiff(name, samples, bits, photometric, blocks, rows=None, tile=None, order="<", compression=1, extra=(), bigtiff=False):
    """Writes a TIFF file of the given blocks of data, by hand."""
    e = order
    body, offsets = b"", []
    start = 16 if bigtiff else 8
    for block in blocks:
        offsets.append(start + len(body))
        body += block + b"\0" * (len(block) % 2)
    counts = [len(b) for b in blocks]
    tags = [(256, 4, [W]), (257, 4, [H]), (258, 3, [bits] * samples), (259, 3, [compression]), (262, 3, [photometric]),
            (277, 3, [samples])]
    if tile:
        tags += [(322, 3, [tile]), (323, 3, [tile]), (324, 4, offsets), (325, 4, counts)]
    else:
        tags += [(273, 4, offsets), (278, 4, [rows or H]), (279, 4, counts)]
    tags = sorted(tags + list(extra))
    at = start + len(body)
    inline = 8 if bigtiff else 4
    entry = 20 if bigtiff else 12
    ifd_size = (8 if bigtiff else 2) + entry * len(tags) + (8 if bigtiff else 4)
    values, ifd = b"", struct.pack(e + ("Q" if bigtiff else "H"), len(tags))
    for tag, kind, data in tags:
        raw = b"".join(struct.pack(e + {1: "B", 3: "H", 4: "I"}[kind], v) for v in data)
        count = struct.pack(e + ("HHQ" if bigtiff else "HHI"), tag, kind, len(data))
        if len(raw) <= inline:
            ifd += count + raw + b"\0" * (inline - len(raw))
        else:
            ifd += count + struct.pack(e + ("Q" if bigtiff else "I"), at + ifd_size + len(values))
            values += raw + b"\0" * (len(raw) % 2)
    ifd += struct.pack(e + ("Q" if bigtiff else "I"), 0)
    mark = b"II" if e == "<" else b"MM"
    head = mark + (struct.pack(e + "HHHQ", 43, 8, 0, at) if bigtiff else struct.pack(e + "HI", 42, at))
    put(name, head + body + ifd + values)


def tiles(values, side, dtype):
    h, w = -(-H // side) * side, -(-W // side) * side
    full = np.zeros((h, w) + values.shape[2:], dtype)
    full[:H, :W] = values
    return [full[r:r + side, c:c + side].tobytes() for r in range(0, h, side) for c in range(0, w, side)]


for e, n in (("<", "le"), (">", "be")):
    u2 = e + "u2"
    tiff(f"tiff-rgb16-{n}.tif", 3, 16, 2, [deep.astype(u2).tobytes()], order=e)
    tiff(f"tiff-gray16-{n}.tif", 1, 16, 1, [deep_gray.astype(u2).tobytes()], order=e)
    tiff(f"tiff-rgba16-{n}.tif", 4, 16, 2, [np.dstack([deep, alpha.astype(int) * 256]).astype(u2).tobytes()], order=e, extra=[(338, 3, [2])])
    tiff(f"tiff-gray-{n}.tif", 1, 8, 1, [gray.tobytes()], order=e)
tiff("tiff-gray-white-is-zero.tif", 1, 8, 0, [gray.tobytes()])
tiff("tiff-gray16-white-is-zero.tif", 1, 16, 0, [deep_gray.astype("<u2").tobytes()])
tiff("tiff-tiles.tif", 3, 8, 2, tiles(rgb, 16, np.uint8), tile=16)
tiff("tiff-tiles-deflate.tif", 3, 8, 2, [zlib.compress(t) for t in tiles(rgb, 16, np.uint8)], tile=16, compression=8)
tiff("tiff-tiles-gray16.tif", 1, 16, 1, tiles(deep_gray, 16, "<u2"), tile=16)
tiff("tiff-strips-of-3.tif", 3, 8, 2, [rgb[i:i + 3].tobytes() for i in range(0, H, 3)], rows=3)
tiff("tiff-planar.tif", 3, 8, 2, [np.ascontiguousarray(rgb[..., c]).tobytes() for c in range(3)], extra=[(284, 3, [2])])
tiff("tiff-rgbx.tif", 4, 8, 2, [np.dstack([rgb, alpha]).tobytes()], extra=[(338, 3, [0])])
tiff("tiff-rgb-no-extra.tif", 4, 8, 2, [np.dstack([rgb, alpha]).tobytes()])
pre = (rgb.astype(int) * alpha[..., None] // 255).astype(np.uint8)
tiff("tiff-rgba-premultiplied.tif", 4, 8, 2, [np.dstack([pre, alpha]).tobytes()], extra=[(338, 3, [1])])
tiff("tiff-turned.tif", 3, 8, 2, [rgb.tobytes()], extra=[(274, 3, [6])])
g4 = np.zeros((H, (W + 1) // 2), np.uint8)
for c in range(W):
    g4[:, c // 2] |= (gray[:, c] >> 4) << (4 if c % 2 == 0 else 0)
tiff("tiff-gray4.tif", 1, 4, 1, [g4.tobytes()])
p4 = np.zeros((H, (W + 1) // 2), np.uint8)
for c in range(W):
    p4[:, c // 2] |= index[:, c] << (4 if c % 2 == 0 else 0)
tiff("tiff-palette4.tif", 1, 4, 3, [p4.tobytes()], extra=[(320, 3, [v * 257 for k in range(3) for v in [c[k] for c in colors[:16]]])])
tiff("tiff-big.tif", 3, 8, 2, [rgb.tobytes()], bigtiff=True)
t = Path("tiff-rgb-raw.tif").read_bytes()
put("tiff-named.jpg", t)
tiff("tiff-cut.tif", 3, 8, 2, [rgb.tobytes()])
t = Path("tiff-cut.tif").read_bytes()
tiff("tiff-strip-short.tif", 3, 8, 2, [rgb[:H // 2].tobytes()])

# ---- WebP ---------------------------------------------------------------------------
im.save("webp-lossy.webp", quality=80)
im.save("webp-lossless.webp", lossless=True)
rgba.save("webp-lossy-alpha.webp", quality=80)
im.save("webp-animated.webp", save_all=True, append_images=[im.rotate(90)], duration=100, lossless=True)
im.save("webp-animated-lossy.webp", save_all=True, append_images=[im.rotate(90)], duration=100, quality=80)
rgba.save("webp-animated-alpha.webp", save_all=True, append_images=[rgba.rotate(90)], duration=100, lossless=True)
exif = Image.Exif()
exif[0x0112] = 6
im.save("webp-exif.webp", exif=exif)
w = Path("webp-lossless.webp").read_bytes()
put("webp-trailing.webp", w + b"trailing")
put("webp-cut.webp", w[:-20])
put("webp-size-wrong.webp", w[:4] + struct.pack("<I", len(w) + 100) + w[8:])
w = Path("webp-lossy.webp").read_bytes()
put("webp-lossy-cut.webp", w[:-20])
put("webp-lossy-trailing.webp", w + b"trailing")

# ---- Netpbm -------------------------------------------------------------------------
def pnm(name, head, pixels, text=False):
    if text:
        pixels = " ".join(str(int(v)) for v in np.asarray(pixels).ravel()).encode() + b"\n"
    put(name, head.encode() + pixels)


size_line = f"{W} {H}"
bits = gray > 120
pnm("pnm-p6.ppm", f"P6\n{size_line}\n255\n", rgb.tobytes())
pnm("pnm-p6-comment.ppm", f"P6\n# made by hand\n{W}\n# and {H}\n{H} 255\n", rgb.tobytes())
pnm("pnm-p6-100.ppm", f"P6\n{size_line}\n100\n", (rgb // 3).tobytes())
pnm("pnm-p6-16.ppm", f"P6\n{size_line}\n65535\n", deep.astype(">u2").tobytes())
pnm("pnm-p6-trailing.ppm", f"P6\n{size_line}\n255\n", rgb.tobytes() + b"trailing")
pnm("pnm-p6-cut.ppm", f"P6\n{size_line}\n255\n", rgb.tobytes()[:-30])
pnm("pnm-p5.pgm", f"P5 {size_line} 255\n", gray.tobytes())
pnm("pnm-p5-15.pgm", f"P5 {size_line} 15\n", (gray >> 4).tobytes())
pnm("pnm-p5-16.pgm", f"P5 {size_line} 65535\n", deep_gray.astype(">u2").tobytes())
pnm("pnm-p5-12.pgm", f"P5 {size_line} 4095\n", deep_gray.astype(">u2").tobytes())
pnm("pnm-p4.pbm", f"P4\n{size_line}\n", np.packbits(bits, axis=1).tobytes())
pnm("pnm-p3.ppm", f"P3\n{size_line}\n255\n", rgb, text=True)
pnm("pnm-p3-cut.ppm", f"P3\n{size_line}\n255\n", rgb[:-1], text=True)
pnm("pnm-p2.pgm", f"P2\n{size_line}\n255\n", gray, text=True)
pnm("pnm-p2-7.pgm", f"P2\n{size_line}\n7\n", gray >> 5, text=True)
pnm("pnm-p1.pbm", f"P1\n{size_line}\n", bits, text=True)
pnm("pnm-p1-close.pbm", f"P1\n{size_line}\n", "".join(str(int(v)) for v in bits.ravel()).encode())

# ---- What Pillow makes of them ------------------------------------------------------
for f in sorted(Path(".").iterdir()):
    try:
        out = Image.open(f).convert("RGB")
        put(f"{f}.rgb", struct.pack("<HH", *out.size) + out.tobytes())
    except Exception as e:
        print(f, type(e).__name__, e)
        put(f"{f}.refused", b"")
with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as z:
    for f in sorted(Path(".").iterdir()):
        z.writestr(zipfile.ZipInfo(f.name), f.read_bytes(), zipfile.ZIP_DEFLATED)
