"""What colour profiles say beside colours: the display or camera that they were made for, when, and by whom.

Source: ICC.1:2022, sections 7 and 9; Apple's `mmod` tag.
"""

import struct

from cloak.image.clean_profile import is_clean
from cloak.inspect.film import since_1904
from cloak.inspect.finding import Harm, Notes
from cloak.inspect.text import decoded

_EVERYBODYS: tuple[str, ...] = (
    "srgb",
    "adobe rgb (1998)",
    "display p3",
    "prophoto rgb",
    "apple rgb",
    "colormatch",
    "dot gain",
    "gray gamma",
)
_EVERYBODYS += (
    "generic",
    "coated fogra",
    "u.s. web coated",
    "swop",
    "c2",
    "p3",
    "rec",
    "bt.",
    "romm",
    "wide gamut",
    "linear",
)
"""Beginnings of names of profiles that come with systems and editors: they name no device."""

_MOST_TAGS = 100
_SOURCE = "colour profile"


def read(block: memoryview, notes: Notes) -> None:
    """Say what a profile says; one that holds colorimetry alone says nothing."""
    profile = bytes(block[: 1 << 24])
    if is_clean(profile):
        return
    if len(profile) < 132 or profile[36:40] != b"acsp":
        notes.say(Harm.TRAVELS, "colour profile that cannot be used", f"{len(profile):,} bytes", source=_SOURCE)
        return
    tags = _tags(profile)
    name = _text(tags.get(b"desc", b""))
    common = name.casefold().startswith(_EVERYBODYS) and b"mmod" not in tags
    about = "; ".join(part for part in (name or "without a name", _text(tags.get(b"cprt", b""))) if part)
    notes.say(Harm.TRAVELS, "colour profile", about, source=_SOURCE, counts=not common)
    if not common:
        _maker(profile, tags, notes)
    _display(tags.get(b"mmod", b""), notes)


def _maker(profile: bytes, tags: dict[bytes, bytes], notes: Notes) -> None:
    """Of a profile that not everybody has: when it was made, by what, and for what."""
    year, *rest = struct.unpack(">6H", profile[24:36])
    if year:
        date = "{:04}-{:02}-{:02} {:02}:{:02}:{:02}".format(year, *rest)
        notes.say(Harm.WHEN, "colour profile made", date, source=_SOURCE)
    for start, what in ((48, "maker"), (52, "model"), (80, "creator")):
        value = profile[start : start + 4].strip(b"\0 ").decode("latin-1")
        if value and value.casefold() != "none":
            notes.say(Harm.DEVICE, f"{what} in the colour profile", value, source=_SOURCE)
    for kind, what in ((b"dmnd", "maker in the colour profile"), (b"dmdd", "model in the colour profile")):
        if value := _text(tags.get(kind, b"")):
            notes.say(Harm.DEVICE, what, value, source=_SOURCE)


def _display(value: bytes, notes: Notes) -> None:
    """Apple's tag with what the display says about itself."""
    if len(value) < 24:
        return
    maker, model, serial, made = struct.unpack(">4I", value[8:24])
    notes.say(Harm.DEVICE, "model of the display", f"{maker:#x} {model:#x}", source=_SOURCE)
    if serial:
        notes.say(Harm.DEVICE, "serial number of the display", serial, source=_SOURCE)
    if made:
        notes.say(Harm.WHEN, "display made", since_1904(made), source=_SOURCE)


def _tags(profile: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    count = min(int.from_bytes(profile[128:132], "big"), _MOST_TAGS)
    for entry in range(132, min(132 + 12 * count, len(profile) - 11), 12):
        kind, offset, size = struct.unpack_from(">4sII", profile, entry)
        found.setdefault(kind, profile[offset : offset + min(size, 1 << 16)])
    return found


def _text(value: bytes) -> str:
    """The text of a tag of type `desc`, `text` or `mluc`."""
    if value[:4] == b"mluc" and len(value) >= 28:
        size, offset = struct.unpack_from(">II", value, 20)
        return value[offset : offset + size].decode("utf-16-be", "replace").strip("\0 ")
    if value[:4] == b"desc":
        return decoded(value[12 : 12 + int.from_bytes(value[8:12], "big")])
    return decoded(value[8:]) if value[:4] == b"text" else ""
