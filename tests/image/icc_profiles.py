"""Colour profiles of every kind, built from bytes, as makers of displays and printers write them."""

import struct

from cloak.image.icc import DISPLAY_P3, assemble, header

SECRET = b"Xq7-Secret"


def curv(*values):
    return b"curv\0\0\0\0" + struct.pack(f">I{len(values)}H", len(values), *values)


def para(shape, *values):
    return b"para\0\0\0\0" + struct.pack(">HH", shape, 0) + b"".join(s15(value) for value in values)


def s15(value):
    return struct.pack(">i", round(value * 65536))


def xyz(*values):
    return b"XYZ \0\0\0\0" + b"".join(map(s15, values))


def mft2(inputs, outputs, points=3):
    """A table of 16 bits, with two entries for each curve and a grid that mixes the channels."""
    grid = [
        (sum((channel + 1) * (index // points**channel % points) for channel in range(inputs)) * 5000 + 3000 * output)
        % 65536
        for index in range(points**inputs)
        for output in range(outputs)
    ]
    head = b"mft2\0\0\0\0" + bytes((inputs, outputs, points, 0)) + MATRIX + struct.pack(">HH", 2, 2)
    return head + struct.pack(f">{len(grid)}H", *grid).join([struct.pack(">HH", 0, 65535) * inputs, ends(outputs)])


def ends(outputs):
    return struct.pack(">HH", 0, 65535) * outputs


def mft1(inputs, outputs, points=3):
    grid = bytes(
        (sum((channel + 2) * (index // points**channel % points) for channel in range(inputs)) * 20 + 9 * output) % 256
        for index in range(points**inputs)
        for output in range(outputs)
    )
    ramp = bytes(range(256))
    return b"mft1\0\0\0\0" + bytes((inputs, outputs, points, 0)) + MATRIX + ramp * inputs + grid + ramp * outputs


MATRIX = b"".join(s15(float(index in {0, 4, 8})) for index in range(9))


def curved(kind, inputs, outputs, *, gap=b""):
    """A table with curves, in another order than ours and with `gap` between its parts."""
    width = outputs if kind == b"mAB " else inputs
    other = inputs if kind == b"mAB " else outputs
    curve = para(0, 1.2)
    grid = bytes([3] * inputs).ljust(16, b"\0") + b"\1\0\0\0"
    grid += bytes(index * 7 % 256 for index in range(3**inputs * outputs))
    parts = {
        4: curve * other,
        3: grid + b"\0" * (-len(grid) % 4),
        2: curv(0) * width if False else curve * width,
        1: MATRIX + s15(0) * 3,
        0: curve * width,
    }
    offsets, body = [0] * 5, b""
    for part, content in parts.items():
        body += gap.ljust(-len(gap) % 4 + len(gap), b"\0")
        offsets[part] = 32 + len(body)
        body += content
    return kind + b"\0\0\0\0" + bytes((inputs, outputs, 0, 0)) + struct.pack(">5I", *offsets) + body


def profile(tags, **options):
    """A profile with all that identifies: dates, makers, an ID, private tags, texts."""
    signed = {
        b"desc": b"mluc" + bytes(4) + SECRET,
        b"cprt": b"text\0\0\0\0" + SECRET + b"\0",
        b"dmnd": b"desc\0\0\0\0" + SECRET,
        b"mmod": b"mmod" + SECRET,
        b"vcgt": b"vcgt" + SECRET,
        b"dscm": b"mluc" + SECRET,
    }
    signed |= {kind: value + (SECRET if kind in {b"wtpt", b"A2B0"} else b"") for kind, value in tags.items()}
    data = bytearray(assemble(signed, header(**options)))
    data[4:8] = b"appl"
    data[24:36] = struct.pack(">6H", 2024, 5, 1, 12, 0, 0)
    data[40:44] = data[48:52] = data[80:84] = b"APPL"
    data[84:100] = SECRET.ljust(16, b"!")
    data[100:110] = SECRET
    return bytes(data)


WHITE = xyz(0.9642, 1.0, 0.8249)
PRIMARIES = {
    b"rXYZ": xyz(0.6097, 0.3111, 0.0195),
    b"gXYZ": xyz(0.2053, 0.6257, 0.0609),
    b"bXYZ": xyz(0.1492, 0.0632, 0.7446),
}
GAMMA = {kind: curv(0x0233) for kind in (b"rTRC", b"gTRC", b"bTRC")}

PROFILES = {
    "gamma 2.2, version 2": profile({b"wtpt": WHITE, **PRIMARIES, **GAMMA}, version=0x0210),
    "a display, measured": profile(
        {
            b"wtpt": xyz(0.9505, 1.0, 1.089),
            b"chad": b"sf32\0\0\0\0" + b"".join(map(s15, (1.05, 0.02, -0.05, 0.03, 0.99, -0.02, -0.01, 0.01, 0.75))),
            b"rXYZ": xyz(0.486, 0.2507, 0.0011),
            b"gXYZ": xyz(0.3215, 0.6611, 0.0489),
            b"bXYZ": xyz(0.1567, 0.0882, 0.7749),
            b"rTRC": curv(*(min(65535, round(65535 * (index / 255) ** 1.9)) for index in range(256))),
            b"gTRC": para(3, 2.4, 0.9, 0.1, 0.08, 0.05),
            b"bTRC": para(4, 2.0, 0.9, 0.1, 0.08, 0.05, 0.0, 0.0),
        }
    ),
    "grey": profile({b"wtpt": WHITE, b"kTRC": curv(0x01CC)}, space=b"GRAY", version=0x0220),
    "ink, 16 bits": profile(
        {b"wtpt": WHITE, b"A2B0": mft2(4, 3), b"A2B1": mft2(4, 3, 2), b"B2A0": mft2(3, 4), b"gamt": mft1(3, 1)},
        kind=b"prtr",
        space=b"CMYK",
        connection=b"Lab ",
        version=0x0210,
    ),
    "ink, 8 bits": profile(
        {b"wtpt": WHITE, b"A2B0": mft1(4, 3), b"B2A0": mft1(3, 4)},
        kind=b"prtr",
        space=b"CMYK",
        connection=b"Lab ",
        version=0x0240,
        intent=1,
    ),
    "tables with curves": profile(
        {b"wtpt": WHITE, b"A2B0": curved(b"mAB ", 3, 3, gap=SECRET), b"B2A0": curved(b"mBA ", 3, 3, gap=SECRET)},
        kind=b"scnr",
        connection=b"Lab ",
        version=0x0420,
    ),
    "Lab": profile(
        {b"wtpt": WHITE, b"A2B0": mft2(3, 3)}, kind=b"spac", space=b"Lab ", connection=b"Lab ", version=0x0210
    ),
}
"""Each works, is neither sRGB nor Display P3, and names its device, dates and owner."""

P3_BY_ANOTHER_NAME = bytearray(DISPLAY_P3)
P3_BY_ANOTHER_NAME[24:30] = struct.pack(">3H", 2024, 5, 1)
P3_BY_ANOTHER_NAME = bytes(P3_BY_ANOTHER_NAME)
