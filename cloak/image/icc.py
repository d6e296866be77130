"""Colour profiles written by us: matrix and curve alone, the same bytes for everybody.

A camera's or display's own profile carries makes, models, serial numbers and dates. What we write is built here from
the standard's primaries: no date, no creator, no description beyond the space's name.

Source: ICC.1:2022, sections 7 (header), 9 (tags) and 10 (types); SMPTE EG 432-1 and Display P3 (primaries).
"""

import struct
from collections.abc import Mapping

_D65 = (0.3127, 0.3290)
_D50 = (0.9642, 1.0, 0.8249)
_BRADFORD = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)  # g, a, b, c, d of a type 3 parametric curve

Primaries = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]

RIGHTS = "none stated"
"""What our copies of other profiles say about copyright: the tag must be there."""

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
    chad = _adaptation(_xyz(_D65), _D50)
    columns = _transposed(_product(chad, _colorants(primaries)))
    shape, parameters = (3, _SRGB_CURVE) if gamma is None else (0, (gamma,))
    curve = b"para\0\0\0\0" + struct.pack(">HH", shape, 0) + b"".join(_fixed(value) for value in parameters)
    tags = {
        b"desc": text(name),
        b"cprt": text("CC0"),
        b"wtpt": _xyz_tag(_D50),
        b"chad": b"sf32\0\0\0\0" + b"".join(_fixed(value) for row in chad for value in row),
        **{kind: _xyz_tag(column) for kind, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)},
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    return assemble(tags, header())


def header(
    *,
    version: int = 0x0430,
    kind: bytes = b"mntr",
    space: bytes = b"RGB ",
    connection: bytes = b"XYZ ",
    intent: int = 0,
) -> bytes:
    """The 128 bytes in front of the tags, without size, dates, makers or flags.

    Args:
        version: of the format, two bytes.
        kind: what it describes: a display, an input or output device, a space.
        space: what the picture's numbers are.
        connection: what they are converted to, XYZ or Lab.
        intent: rendering intent, 0 to 3.
    """
    start = struct.pack(">8xHxx4s4s4s12x4s", version, kind, space, connection, b"acsp")
    return (start.ljust(64, b"\0") + struct.pack(">I", intent) + b"".join(map(_fixed, _D50))).ljust(128, b"\0")


def assemble(tags: Mapping[bytes, bytes], header: bytes) -> bytes:
    """Lay out a profile: the same bytes for the same content. Tags of the same value share one place."""
    offset = 128 + 4 + 12 * len(tags)
    placed: dict[bytes, int] = {}
    body = b""
    table = struct.pack(">I", len(tags))
    for kind, value in tags.items():
        if value not in placed:
            placed[value] = offset + len(body)
            body += value + b"\0" * (-len(value) % 4)
        table += kind + struct.pack(">II", placed[value], len(value))
    return struct.pack(">I", offset + len(body)) + header[4:] + table + body


def text(value: str, *, version: int = 0x0430) -> bytes:
    """A description or copyright tag: of one language in version 4, plain ASCII in version 2."""
    if version < 0x0400:
        plain = value.encode("ascii") + b"\0"
        return b"desc\0\0\0\0" + struct.pack(">I", len(plain)) + plain + bytes(78)
    encoded = value.encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">II4sII", 1, 12, b"enUS", len(encoded), 28) + encoded


_Vector = tuple[float, ...]
_Matrix = tuple[_Vector, ...]


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _xyz_tag(value: _Vector) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(map(_fixed, value))


def _xyz(point: tuple[float, float]) -> _Vector:
    x, y = point
    return (x / y, 1.0, (1 - x - y) / y)


def _adaptation(source: _Vector, target: _Vector) -> _Matrix:
    """The matrix that takes one white to another. Source: ICC.1:2022, annex E."""
    before, after = _times(_BRADFORD, source), _times(_BRADFORD, target)
    scaled = tuple(tuple(value * b / a for value in row) for row, a, b in zip(_BRADFORD, before, after, strict=True))
    return _product(_inverse(_BRADFORD), scaled)


def _colorants(primaries: Primaries) -> _Matrix:
    """XYZ of red, green and blue, one a column, that add up to D65."""
    columns = _transposed(tuple(_xyz(point) for point in primaries))
    weights = _times(_inverse(columns), _xyz(_D65))
    return tuple(tuple(value * weight for value, weight in zip(row, weights, strict=True)) for row in columns)


def _times(matrix: _Matrix, vector: _Vector) -> _Vector:
    return tuple(sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix)


def _product(left: _Matrix, right: _Matrix) -> _Matrix:
    return _transposed(tuple(_times(left, column) for column in _transposed(right)))


def _transposed(matrix: _Matrix) -> _Matrix:
    return tuple(zip(*matrix, strict=True))


def _inverse(matrix: _Matrix) -> _Matrix:
    first, second, third = matrix
    rows = (_cross(second, third), _cross(third, first), _cross(first, second))
    determinant = sum(a * b for a, b in zip(first, rows[0], strict=True))
    return _transposed(tuple(tuple(value / determinant for value in row) for row in rows))


def _cross(a: _Vector, b: _Vector) -> _Vector:
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


DISPLAY_P3: bytes = matrix_profile("Display P3", _P3)
"""The one profile that is ever written."""

BT2020: bytes = matrix_profile("BT.2020", _BT2020)
"""For reading wide-gamut files that state their primaries by number; never written."""
