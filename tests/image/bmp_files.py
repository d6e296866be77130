"""Bitmaps (BMP), built from bytes."""

import struct

WIDTH, HEIGHT = 37, 23
RGB = struct.pack("<III", 0xFF0000, 0xFF00, 0xFF)


def bitmap(
    size=40, *, depth=24, compression=0, height=HEIGHT, resolution=(0, 0), colours=0, masks=b"", colour=b"", last=b"",
    palette=None, gap=b"", pixels=None, tail=b"", padding=0,
):  # fmt: skip
    """A bitmap, built from its fields."""
    if palette is None:
        count = (colours or 1 << depth) if depth <= 8 else 0
        palette = b"".join(bytes([n * 7 % 256, n, 255 - n, 0][: 3 if size == 12 else 4]) for n in range(count))
    if pixels is None:
        pixels = rows(depth, padding)
    if size == 12:
        head = struct.pack("<IHHHH", 12, WIDTH, height, 1, depth)
    elif size == 16:
        head = struct.pack("<IiiHH", 16, WIDTH, height, 1, depth)
    else:
        head = struct.pack("<IiiHHII", size, WIDTH, height, 1, depth, compression, len(pixels))
        head += struct.pack("<iiII", *resolution, colours, 0) + masks + colour + last
        head += bytes(max(0, size - len(head)))
    start = 14 + len(head) + len(palette) + len(gap)
    body = head + palette + gap + pixels + tail
    return struct.pack("<2sIII", b"BM", 14 + len(body), 0, start) + body


def rows(depth, padding=0):
    """Rows of pixels; the bits behind each are zero, or all set."""
    bits = WIDTH * depth
    stride = (bits + 31) // 32 * 4
    found = []
    for n in range(HEIGHT):
        row = int.from_bytes(bytes((x * 5 + n * 3) % 256 for x in range(stride)), "big") >> 8 * stride - bits
        found.append((row << 8 * stride - bits | ((1 << 8 * stride - bits) - 1) * padding).to_bytes(stride, "big"))
    return b"".join(found)


def runs(*extra, end=b"\0\1"):
    """Coded rows, with more codes behind the first one."""
    line = bytes([30, 5, 0, 7, 1, 2, 3, 4, 5, 6, 7, 0])
    return line + b"".join(extra) + b"\0\0" + (line + b"\0\0") * (HEIGHT - 2) + line + end


def coded(pixels):
    return bitmap(depth=8, compression=1, pixels=pixels)
