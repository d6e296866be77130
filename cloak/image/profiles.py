"""What may be written in place of a photo's colour profile: colorimetry, and nothing about anybody.

Profiles carry the makes, models and serial numbers of displays, dates, and names. What is sRGB in effect needs no
profile; what is Display P3 in effect gets ours; of any other, the numbers that colours are computed from are copied
into a new one whose every other byte is fixed. Colours stay exactly the same, which is checked. Tables for the way
*to* a device go: nothing that shows a photo reads them.

What remains is the colorimetry itself: a profile that was measured for one device is as unique as that device.

Source: ICC.1:2022, sections 7 (header), 9 (tags) and 10 (types).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from cloak.container import ColourSpace
from cloak.errors import UnsupportedPhotoError
from cloak.image.clean_profile import is_clean
from cloak.image.effect import ProfileError, are_alike, effect
from cloak.image.icc import DISPLAY_P3, RIGHTS, assemble, header, text

BROKEN = "colour profile that cannot be used"
DETAILS = "device, dates and names in the colour profile"
PROFILE = "colour profile"

_OTHER_SPACES = frozenset(
    {b"XYZ ", b"Luv ", b"YCbr", b"Yxy ", b"HSV ", b"HLS ", b"CMY ", *(b"%XCLR" % number for number in range(2, 16))}
)
_MATRIX = (b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC")
_SHOWN = {
    b"RGB ": (b"wtpt", b"chad", b"cicp", *_MATRIX),
    b"GRAY": (b"wtpt", b"chad", b"kTRC"),
    b"CMYK": (b"wtpt", b"chad"),
    b"Lab ": (b"wtpt", b"chad"),
}
"""The tags beside tables that say how a photo in each space is shown, in the order in which they are written."""

_TABLES = (b"A2B0", b"A2B1", b"A2B2")
_BLACK = b"B2A0"
"""The table for the way back: all that it says of how a photo is shown is where the black of an ink lies."""

_IDENTITY = b"".join(struct.pack(">i", 65536 * (index in {0, 4, 8})) for index in range(9))
_LONGEST = 4096  # entries of a curve, by the standard
_PARAMETERS = (1, 3, 4, 5, 7)  # numbers that a parametric curve of each type has
_MOST_TAGS = 100  # as littleCMS


@dataclass(frozen=True, slots=True, kw_only=True)
class Tidied:
    """What becomes of a profile.

    Attributes:
        profile: what to write, or None for nothing.
        removed: names of what is left out.
        kept: "colour profile" where one is written, for `Plan.kept`.
    """

    profile: bytes | None
    removed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


REMOVED = Tidied(profile=None, removed=(PROFILE,))
"""What becomes of any profile where none is to be kept."""


@lru_cache(maxsize=32)
def tidy(profile: bytes) -> Tidied:
    """Say what is written in place of a profile, and what that leaves out.

    Raises:
        UnsupportedPhotoError: a profile that works, but cannot be rewritten without changing colours.
    """
    try:
        space = effect(profile)
    except ProfileError:
        if profile[16:20] in _OTHER_SPACES and profile[36:40] == b"acsp":
            raise _unsupported(f"for colours of kind {profile[16:20].decode('latin-1').strip()}") from None
        return Tidied(profile=None, removed=(BROKEN,))
    if space is ColourSpace.SRGB:
        return Tidied(profile=None, removed=(PROFILE,))
    if space is ColourSpace.DISPLAY_P3:
        return _kept(profile, DISPLAY_P3)
    inks = profile[16:20] == b"CMYK" and profile[12:16] == b"prtr"
    try:
        rebuilt = _rebuild(profile)
        if inks and not are_alike(profile, rebuilt):
            rebuilt = _rebuild(profile, (_BLACK,))
    except ProfileError as error:
        raise _unsupported(str(error)) from None
    if not are_alike(profile, rebuilt):
        raise _unsupported("it holds tables of a kind that we do not know")
    return _kept(profile, rebuilt)


def canonical(profile: bytes) -> bytes | None:
    """What may be written in place of a profile: None where it is sRGB in effect or cannot be used.

    Raises:
        UnsupportedPhotoError: see `tidy`.
    """
    return tidy(profile).profile


def _kept(profile: bytes, written: bytes) -> Tidied:
    return Tidied(profile=written, removed=() if written == profile else (DETAILS,), kept=(PROFILE,))


def _unsupported(reason: str) -> UnsupportedPhotoError:
    return UnsupportedPhotoError(
        f"its colour profile cannot be rewritten without changing the colours ({reason}): convert the photo to sRGB "
        "first, or leave the profile out (--keep orientation)"
    )


def _rebuild(profile: bytes, more: tuple[bytes, ...] = ()) -> bytes:
    """A new profile of the numbers that say how a photo is shown, and of `more` tags."""
    version = 0x0210 if profile[8] < 4 else 0x0430
    space = profile[16:20]
    found = _table(profile)
    name = f"{space.decode('ascii').strip()} profile"
    rights = text(RIGHTS) if version >= 0x0400 else b"text\0\0\0\0" + RIGHTS.encode() + b"\0"
    tags = {b"desc": text(name, version=version), b"cprt": rights}
    order = [kind for kind in (*_SHOWN[space], *_TABLES, *more) if kind in found]
    whole = all(kind in found for kind in _MATRIX)
    for kind in order:
        if whole or kind not in _MATRIX:
            tags[kind] = _element(found[kind])
    intent = int.from_bytes(profile[64:68], "big")
    rebuilt = assemble(
        tags,
        header(
            version=version,
            kind=profile[12:16],
            space=space,
            connection=profile[20:24],
            intent=intent if intent < 4 else 0,
        ),
    )
    if not is_clean(rebuilt):
        raise ProfileError("its tags are not of the kinds that the standard prescribes")
    return rebuilt


def _table(profile: bytes) -> dict[bytes, bytes]:
    """The values of all tags that lie within the profile; of two with one name, the first."""
    found: dict[bytes, bytes] = {}
    count = min(int.from_bytes(profile[128:132], "big"), _MOST_TAGS)
    for entry in range(132, min(132 + 12 * count, len(profile) - 11), 12):
        kind, offset, size = struct.unpack_from(">4sII", profile, entry)
        if offset + size <= len(profile):
            found.setdefault(kind, profile[offset : offset + size])
    return found


def _element(value: bytes) -> bytes:
    """A tag's value, without the bytes in it and behind it that mean nothing."""
    kind = value[:4]
    if kind in {b"curv", b"para"}:
        return next(_curves(value, 0, 1))
    if kind in _FIXED:
        return kind + b"\0\0\0\0" + _taken(value, 8, _FIXED[kind])
    if kind in {b"mft1", b"mft2"}:
        return _table_lut(value)
    if kind in {b"mAB ", b"mBA "}:
        return _curve_lut(value)
    raise ProfileError(f"a tag of type {kind.decode('latin-1')}")


_FIXED = {b"XYZ ": 12, b"sf32": 36, b"cicp": 4}


def _taken(data: bytes, start: int, count: int) -> bytes:
    if start + count > len(data):
        raise ProfileError(f"{count} bytes announced at offset {start} of {len(data)}")
    return data[start : start + count]


def _curves(data: bytes, start: int, count: int) -> Iterator[bytes]:
    """The curves that lie one behind the other, each at a multiple of four bytes."""
    for _ in range(count):
        kind, number = struct.unpack(">4s4xI", _taken(data, start, 12))
        if kind == b"curv" and number <= _LONGEST:
            size = 2 * number
        elif kind == b"para" and number >> 16 < len(_PARAMETERS):
            number &= 0xFFFF0000
            size = 4 * _PARAMETERS[number >> 16]
        else:
            raise ProfileError(f"a curve of type {kind.decode('latin-1')} that is not in the standard")
        yield kind + struct.pack(">4xI", number) + _taken(data, start + 12, size)
        start += 12 + size + -size % 4


def _table_lut(value: bytes) -> bytes:
    """A lookup table of 8 or 16 bits: matrix, input tables, grid, output tables."""
    wide = value[:4] == b"mft2"
    inputs, outputs, points = _taken(value, 8, 3)
    start, entered, left = 48, 256, 256
    if wide:
        entered, left = struct.unpack(">HH", _taken(value, 48, 4))
        start = 52
    if max(entered, left) > _LONGEST:
        raise ProfileError(f"a table with curves of {max(entered, left)} numbers")
    count = entered * inputs + points**inputs * outputs + left * outputs
    head = value[:4] + bytes(4) + bytes((inputs, outputs, points, 0))
    matrix = _taken(value, 12, 36) if inputs == 3 else _IDENTITY  # which nobody heeds for other inputs
    return head + matrix + _taken(value, 48, start - 48) + _taken(value, start, count * (2 if wide else 1))


def _curve_lut(value: bytes) -> bytes:
    """A lookup table with curves: in the order B curves, matrix, M curves, grid, A curves, without gaps."""
    inputs, outputs = _taken(value, 8, 2)
    places = struct.unpack(">5I", _taken(value, 12, 20))
    before, after = (outputs, inputs) if value[:4] == b"mAB " else (inputs, outputs)
    offsets, body = [], b""
    for part, place in enumerate(places):
        offsets.append(32 + len(body) if place else 0)
        if not place:
            continue
        if part == 1:
            piece = _taken(value, place, 48)
        elif part == 3:
            piece = _grid_of(value, place, inputs, outputs)
        else:
            count = after if part == 4 else before
            piece = b"".join(curve + bytes(-len(curve) % 4) for curve in _curves(value, place, count))
        body += piece + bytes(-len(piece) % 4)
    return value[:4] + bytes(4) + bytes((inputs, outputs, 0, 0)) + struct.pack(">5I", *offsets) + body


def _grid_of(value: bytes, place: int, inputs: int, outputs: int) -> bytes:
    points, width = _taken(value, place, min(inputs, 16)), _taken(value, place + 16, 1)[0]
    count = outputs * width
    for number in points:
        count *= number
    return points.ljust(16, b"\0") + bytes((width, 0, 0, 0)) + _taken(value, place + 20, count)


__all__ = [
    "BROKEN",
    "DETAILS",
    "PROFILE",
    "REMOVED",
    "ProfileError",
    "Tidied",
    "canonical",
    "effect",
    "is_clean",
    "tidy",
]
