"""Colour profiles written by us: matrix and curve alone, the same bytes for everybody.

A camera's or display's own profile carries makes, models, serial numbers and dates. What we write is built here from
the standard's primaries: no date, no creator, no description beyond the space's name.

Source: ICC.1:2022, sections 7 (header), 9 (tags) and 10 (types); SMPTE EG 432-1 and Display P3 (primaries).
"""

import struct

import numpy as np
from numpy.typing import NDArray

_D65 = (0.3127, 0.3290)
_D50 = (0.9642, 1.0, 0.8249)
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)  # g, a, b, c, d of a type 3 parametric curve

Primaries = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]

SRGB_PRIMARIES: Primaries = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
_P3: Primaries = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
_BT2020: Primaries = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))


def matrix_profile(name: str, primaries: Primaries, *, gamma: float | None = None) -> bytes:
    """Build an ICC 4.3 display profile with the given primaries and a D65 white.

    Args:
        name: description, ASCII.
        primaries: CIE xy of red, green and blue.
        gamma: exponent of the curve; None for the sRGB curve.

    Returns:
        the profile, byte for byte the same on every machine.
    """
    chad = _adaptation(_xyz(_D65), np.array(_D50))
    columns = chad @ _colorants(primaries)
    shape, parameters = (3, _SRGB_CURVE) if gamma is None else (0, (gamma,))
    curve = b"para\0\0\0\0" + struct.pack(">HH", shape, 0) + b"".join(_fixed(value) for value in parameters)
    tags = [
        (b"desc", _text(name)),
        (b"cprt", _text("CC0")),
        (b"wtpt", _xyz_tag(np.array(_D50))),
        (b"chad", b"sf32\0\0\0\0" + b"".join(_fixed(value) for value in chad.flatten())),
        *((kind, _xyz_tag(columns[:, index])) for index, kind in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))),
        *((kind, curve) for kind in (b"rTRC", b"gTRC", b"bTRC")),
    ]
    return _assemble(tags)


def _assemble(tags: list[tuple[bytes, bytes]]) -> bytes:
    offset = 128 + 4 + 12 * len(tags)
    placed: dict[bytes, int] = {}
    body = b""
    table = struct.pack(">I", len(tags))
    for kind, value in tags:
        if value not in placed:  # the three curves share one place
            placed[value] = offset + len(body)
            body += value + b"\0" * (-len(value) % 4)
        table += kind + struct.pack(">II", placed[value], len(value))
    size = offset + len(body)
    header = struct.pack(">I4xI4s4s4s12x4s", size, 0x04300000, b"mntr", b"RGB ", b"XYZ ", b"acsp")
    header += b"\0" * 28 + b"".join(_fixed(value) for value in _D50)
    return header.ljust(128, b"\0") + table + body


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(float(value) * 65536))


def _text(value: str) -> bytes:
    encoded = value.encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">II4sII", 1, 12, b"enUS", len(encoded), 28) + encoded


def _xyz_tag(value: NDArray[np.float64]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(_fixed(part) for part in value)


def _xyz(point: tuple[float, float]) -> NDArray[np.float64]:
    x, y = point
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _adaptation(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    scale = np.diag((_BRADFORD @ target) / (_BRADFORD @ source))
    adapted: NDArray[np.float64] = np.linalg.inv(_BRADFORD) @ scale @ _BRADFORD
    return adapted


def _colorants(primaries: Primaries) -> NDArray[np.float64]:
    columns = np.stack([_xyz(point) for point in primaries], axis=1)
    scaled: NDArray[np.float64] = columns * np.linalg.solve(columns, _xyz(_D65))
    return scaled


DISPLAY_P3: bytes = matrix_profile("Display P3", _P3)
"""The one profile that is ever written."""

BT2020: bytes = matrix_profile("BT.2020", _BT2020)
"""For reading wide-gamut files that state their primaries by number; never written."""
