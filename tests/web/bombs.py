"""Files that are small and become large, or take a decoder down."""

import io
import struct
import zipfile
import zlib

import numpy as np
from PIL import Image


def png_bomb(side=30_000):
    """A PNG of one colour, some kilobytes, 2.7 GB of pixels."""
    packer = zlib.compressobj(9)
    row = bytes(1 + 3 * side)
    rows = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def text_bomb(megabytes=256):
    """A small PNG with a compressed note that becomes large."""
    packer = zlib.compressobj(9)
    block = bytes(1 << 20)
    note = b"Comment\0\0" + b"".join(packer.compress(block) for _ in range(megabytes)) + packer.flush()
    image = made("PNG", 32, 32)
    return image[:33] + _chunk(b"zTXt", note) + image[33:]


def made(kind, width, height, **options):
    """A picture of one colour."""
    file = io.BytesIO()
    Image.fromarray(np.full((height, width, 3), 90, np.uint8)).save(file, kind, **options)
    return file.getvalue()


def lying(data, old, new):
    """A file whose header says that it is larger than it is."""
    assert data.count(old)
    return data.replace(old, new)


def files():
    """Bombs: {name: content}."""
    small_tiff = made("TIFF", 64, 64)
    webp = made("WEBP", 64, 64, lossless=True)
    jpeg = made("JPEG", 64, 64)
    avif = made("AVIF", 64, 64)
    big = struct.pack(">HH", 65_500, 65_500)
    return {
        "png": png_bomb(),
        "png text": text_bomb(),
        "tiff": made("TIFF", 12_000, 12_000, compression="tiff_lzw"),
        "tiff that lies": lying(
            lying(small_tiff, struct.pack("<HHII", 256, 4, 1, 64), struct.pack("<HHII", 256, 4, 1, 2**30)),
            struct.pack("<HHII", 257, 4, 1, 64),
            struct.pack("<HHII", 257, 4, 1, 2**30),
        ),
        "webp": made("WEBP", 12_000, 12_000, lossless=True),
        "webp that lies": webp[:21] + b"\xff\xff\xff\x0f" + webp[25:],
        "jpeg that lies": lying(jpeg, struct.pack(">HH", 64, 64), big),
        "avif that lies": lying(avif, struct.pack(">II", 64, 64), struct.pack(">II", 65_000, 65_000)),
        "zip": _zip(),
    }


def malformed():
    """Files that are broken in the middle, at the start, at the end."""
    found = {}
    for kind in ("JPEG", "PNG", "WEBP", "AVIF", "TIFF"):
        data = made(kind, 64, 48)
        found[f"{kind} cut"] = data[: len(data) // 2]
        found[f"{kind} head alone"] = data[:16]
        noisy = bytearray(data)
        noisy[20 : len(data) : 7] = bytes(len(noisy[20 : len(data) : 7]))
        found[f"{kind} holed"] = bytes(noisy)
    return found


def _zip():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bytes(100 << 20))
    return file.getvalue()


def _chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
