"""Chunks before the pixels of a PNG file that decide how it looks: which are kept, in what order, of what size."""

from collections.abc import Mapping

from cloak.image.strip.png_pixels import Header

FRONT = (
    *(b"cICP", b"mDCV", b"cLLI", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"sBIT"),
    *(b"PLTE", b"tRNS", b"bKGD", b"pHYs"),
)
"""The chunks that are kept, in the order in which they are written."""

UNHEEDED = "numbers of colours that have no effect"
_HIGH_RANGE = frozenset({b"\x10", b"\x12"})  # transfer functions PQ and HLG
_WHOLE = 100_000  # 1, as cHRM writes it

_SIZES = {b"cICP": 4, b"mDCV": 24, b"cLLI": 8, b"sRGB": 1, b"gAMA": 4, b"cHRM": 32}
_SAMPLES = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
_BACKGROUND = {0: 2, 2: 6, 3: 1, 4: 2, 6: 6}
_TRANSPARENT = {0: 2, 2: 6}


def fitting(kind: bytes, payload: bytes, header: Header, palette: bytes) -> bytes | None:
    """What is kept of a chunk; None where decoders pass over it.

    Args:
        kind: one of `FRONT` other than pHYs.
        payload: its content.
        header: of the file.
        palette: the content of the PLTE chunk before it, if there was one.
    """
    if kind == b"iCCP":
        return payload
    if kind == b"PLTE":
        entries = payload[: 3 << header.depth] if header.colour == 3 else b""
        return entries if entries and not len(entries) % 3 else None
    if kind == b"tRNS" and header.colour == 3:
        return payload[: len(palette) // 3] or None
    fits = {
        b"tRNS": len(payload) == _TRANSPARENT.get(header.colour),
        b"bKGD": _is_background(payload, header, palette),
        b"sBIT": _is_depth(payload, header),
        b"sRGB": payload < b"\4",
        b"gAMA": any(payload) and payload < b"\x80",
        b"cHRM": all(int.from_bytes(payload[place : place + 4], "big") <= _WHOLE for place in range(0, 32, 4)),
        b"cICP": payload[2:] in {b"\0\0", b"\0\1"},
    }
    return payload if len(payload) == _SIZES.get(kind, len(payload)) and fits.get(kind, True) else None


def unheeded(front: Mapping[bytes, bytes]) -> set[bytes]:
    """The chunks to which others say that they do not count.

    Args:
        front: content of the chunks that are kept, by kind, without a profile that makes no sense.
    Source: Portable Network Graphics (Third Edition), sections 4.3 and 11.3.2.
    """
    kinds = set[bytes]()
    if b"iCCP" in front:
        kinds |= {b"sRGB", b"gAMA", b"cHRM"}
    elif b"sRGB" in front:
        kinds |= {b"gAMA", b"cHRM"}
    if front.get(b"cICP", b"")[1:2] not in _HIGH_RANGE:
        kinds |= {b"mDCV", b"cLLI"}
    return kinds.intersection(front)


def _is_background(payload: bytes, header: Header, palette: bytes) -> bool:
    right = len(payload) == _BACKGROUND[header.colour]
    return right and (header.colour != 3 or payload[0] < len(palette) // 3)


def _is_depth(payload: bytes, header: Header) -> bool:
    """Whether the bits of each sample that mean something are as many as can be."""
    most = 8 if header.colour == 3 else header.depth
    return len(payload) == _SAMPLES[header.colour] and all(1 <= bits <= most for bits in payload)
