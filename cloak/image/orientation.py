"""Which way is up: read it out of EXIF or XMP, however damaged, and say it in a block that holds nothing else."""

import re
import struct

ORIENTATIONS = range(1, 9)
UPRIGHT = 1

_TAG = 0x0112
_CODES = {3: "H", 4: "I", 8: "h", 9: "i"}  # types that writers give it: SHORT is right, signed and LONG are seen
_HEADER = b"Exif\0\0"
_IN_XMP = re.compile(rb"""tiff:Orientation(?:\s*=\s*["']|\s*>)\s*([1-8])\s*["'<]""")


def block(orientation: int) -> bytes:
    """The EXIF block, without the "Exif" header, that says an orientation and nothing else; b"" for upright.

    Args:
        orientation: 1 to 8, as EXIF numbers them.
    """
    if orientation == UPRIGHT:
        return b""
    return b"MM\0*" + struct.pack(">IHHHIHxxI", 8, 1, _TAG, 3, 1, orientation, 0)


BLOCKS: frozenset[bytes] = frozenset(block(orientation) for orientation in ORIENTATIONS if orientation != UPRIGHT)
"""The only EXIF blocks that a written file may hold."""


def read(exif: bytes = b"", xmp: bytes = b"") -> int:
    """The orientation that a photo's blocks say, 1 for none: EXIF where it says one, else XMP."""
    stated = in_exif(exif)
    return stated if stated is not None else in_xmp(xmp) or UPRIGHT


def in_exif(data: bytes) -> int | None:
    """The orientation that an EXIF block says, 1 for one that makes no sense; None where it says none.

    Reads as viewers do: the first directory, entry by entry as far as there are any, whatever the rest is like.

    Args:
        data: the block, with or without the "Exif" header in front.
    """
    if data.startswith(_HEADER):
        data = data[len(_HEADER) :]
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None or len(data) < 10:
        return None
    (start,) = struct.unpack_from(f"{order}I", data, 4)
    count = struct.unpack_from(f"{order}H", data, start)[0] if start + 2 <= len(data) else 0
    for offset in range(start + 2, min(start + 2 + 12 * count, len(data) - 11), 12):
        tag, kind, number = struct.unpack_from(f"{order}HHI", data, offset)
        if tag == _TAG and number == 1 and kind in _CODES:
            (value,) = struct.unpack_from(f"{order}{_CODES[kind]}", data, offset + 8)
            return value if value in ORIENTATIONS else UPRIGHT
    return None


def in_xmp(packet: bytes) -> int | None:
    """The orientation that an XMP packet says, or None."""
    found = _IN_XMP.search(packet)
    return int(found.group(1)) if found else None
