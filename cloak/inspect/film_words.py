"""What the notes of a film say, in any of the ways of writing them: QuickTime's, iTunes' and 3GPP's.

Source: Apple's QuickTime File Format, "User Data Atoms" and "Metadata"; 3GPP TS 26.244, section 8; ISO 6709, annex H.
"""

import re
import struct
from collections.abc import Iterator, Sequence

from cloak.image.bmff import Box, boxes
from cloak.image.structure import StructureError
from cloak.inspect import blocks
from cloak.inspect.finding import Harm, Notes
from cloak.inspect.text import decoded

_PLACE = re.compile(rb"([+-]\d{1,3}\.\d{1,10})([+-]\d{1,3}\.\d{1,10})(?:[+-]\d{1,6}(?:\.\d{1,6})?)?/")
_ID = b"com.apple.quicktime.content.identifier"
_POSITION = (Harm.WHERE, "position")
_PHOTO_ID = (Harm.TRAVELS, "ID of the live photo")
_WORDS = {
    **dict.fromkeys((b"\xa9day", b"yrrc"), (Harm.WHEN, "video made")),
    **dict.fromkeys((b"\xa9mak", b"\xa9mod", b"manu", b"modl"), (Harm.DEVICE, "camera or phone")),
    **dict.fromkeys((b"\xa9swr", b"\xa9too", b"\xa9enc"), (Harm.DEVICE, "software")),
    **dict.fromkeys((b"\xa9ART", b"aART", b"\xa9aut", b"\xa9wrt", b"auth", b"perf"), (Harm.WHO, "artist")),
    **dict.fromkeys((b"\xa9nam", b"titl", b"name"), (Harm.WHO, "title")),
    **dict.fromkeys((b"\xa9cmt", b"\xa9inf"), (Harm.WHO, "comment")),
    **dict.fromkeys((b"\xa9des", b"desc", b"ldes", b"dscp"), (Harm.WHO, "caption")),
    **dict.fromkeys((b"\xa9cpy", b"cprt"), (Harm.WHO, "copyright")),
    b"\xa9xyz": _POSITION,
}
_KEYS = {
    **dict.fromkeys(("creationdate", "creation_time", "date", "location.date"), (Harm.WHEN, "video made")),
    **dict.fromkeys(("make", "model", "manufacturer", "camera.identifier"), (Harm.DEVICE, "camera or phone")),
    **dict.fromkeys(("software", "encoder", "version"), (Harm.DEVICE, "software")),
    **dict.fromkeys(("artist", "author", "director", "producer", "performer", "composer"), (Harm.WHO, "artist")),
    **dict.fromkeys(("title", "displayname"), (Harm.WHO, "title")),
    **dict.fromkeys(("comment", "information"), (Harm.WHO, "comment")),
    **dict.fromkeys(("location", "location.iso6709"), _POSITION),
    **dict.fromkeys(("location.name", "location.body", "location.note"), (Harm.WHERE, "place")),
    "description": (Harm.WHO, "caption"),
    "copyright": (Harm.WHO, "copyright"),
    "keywords": (Harm.WHO, "keywords"),
    "content.identifier": _PHOTO_ID,
}
_SILENT_KEYS = frozenset({"major_brand", "minor_version", "compatible_brands"})
_VENDORS = ("com.apple.quicktime.", "com.android.", "com.apple.iTunes.")
_PLAIN = frozenset({b"meta", b"free", b"skip", b"wide", b"hdlr", b"\0\0\0\0"})
_LANGUAGE = frozenset({b"titl", b"auth", b"perf", b"dscp", b"cprt"})
"""Of 3GPP: version and flags, a language, then the text."""

_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_UTF16, _PICTURES, _NUMBERS = 2, frozenset({13, 14, 27}), frozenset({21, 22})
_MOST = 500
_LARGEST = 1 << 20


def user_data(box: Box, notes: Notes, source: str) -> None:
    """Say one entry of a `udta` box."""
    if box.kind == b"loci":
        _location(bytes(box.body[:_LARGEST]), notes, source)
    elif box.kind == b"XMP_" or (box.kind == b"uuid" and bytes(box.body[:16]) == _XMP):
        blocks.read("XMP", box.body[16 if box.kind == b"uuid" else 0 :], notes)
    elif box.kind == b"GPMF":
        blocks.read("GPMF", box.body, notes)
    elif box.kind == b"yrrc":
        _say((Harm.WHEN, "video made"), str(int.from_bytes(box.body[4:6], "big")), notes, source)
    elif box.kind in _WORDS:
        head = 6 if box.kind in _LANGUAGE else 0 if box.kind == b"name" else 4
        _say(_WORDS[box.kind], decoded(box.body[head:]), notes, source)
    elif box.kind not in _PLAIN and len(box.body):
        name = box.kind.decode("latin-1")
        notes.say(Harm.TRAVELS, f"user data ({name})", f"{len(box.body):,} bytes", source=source)


def meta(box: Box, notes: Notes, source: str) -> None:
    """Say the entries of a `meta` box: a list of values, whose names are codes or stand in a list of their own."""
    start = 0 if bytes(box.body[4:8]) == b"hdlr" else 4  # QuickTime's has neither version nor flags
    found = list(children(box.body[start:]))
    names = [name for child in found if child.kind == b"keys" for name in _names(child.body)]
    for entry in (entry for child in found if child.kind == b"ilst" for entry in children(child.body)):
        _entry(entry, names, notes, source)
    content = bytes(box.body[:_LARGEST])
    if place := _PLACE.search(content):  # wherever it stands
        notes.say(*_POSITION, _degrees(*place.groups()), source=source)
    if _ID in content and not names:
        notes.say(*_PHOTO_ID, source=source)


def children(data: memoryview) -> Iterator[Box]:
    """The boxes in another, as far as they can be followed."""
    iterator = boxes(data)
    for _ in range(_MOST):
        try:
            yield next(iterator)
        except (StopIteration, StructureError):
            return


def _names(body: memoryview) -> Iterator[str]:
    """What the values of a list are called: each with its length and the four letters of a name space in front."""
    position = 8
    for _ in range(_MOST):
        size = int.from_bytes(body[position : position + 4], "big")
        if size < 8 or position + size > len(body):
            return
        yield decoded(body[position + 8 : position + size])
        position += size


def _entry(entry: Box, names: Sequence[str], notes: Notes, source: str) -> None:
    parts = {part.kind: part.body for part in children(entry.body)}
    data = parts.get(b"data")
    if data is None or len(data) < 8:
        return
    number = int.from_bytes(entry.kind, "big")
    name = decoded(parts[b"name"][4:]) if b"name" in parts else names[number - 1] if 0 < number <= len(names) else ""
    known = _KEYS.get(_short(name)) if name else _WORDS.get(entry.kind)
    called = name or entry.kind.decode("latin-1")
    kind = int.from_bytes(data[:4], "big") & 0xFFFFFF
    if kind in _PICTURES:
        notes.picture(data[8:], "picture of the video", source=source)
    elif name not in _SILENT_KEYS and (value := _value(kind, data[8:])):
        _say(known or (Harm.TRAVELS, f"note of the video ({called})"), value, notes, source)


def _short(name: str) -> str:
    """The name of a value without that of its inventor."""
    vendor = next((vendor for vendor in _VENDORS if name.startswith(vendor)), "")
    return name.removeprefix(vendor).lower()


def _value(kind: int, content: memoryview) -> str:
    raw = bytes(content[: 1 << 16])
    if kind == _UTF16:
        return raw.decode("utf-16-be", "replace").partition("\0")[0].strip()
    if kind in _NUMBERS and len(raw) <= 8:
        return str(int.from_bytes(raw, "big", signed=True))
    text = decoded(raw)
    return text if text.isprintable() else f"{len(content):,} bytes"


def _say(known: tuple[Harm, str], value: str, notes: Notes, source: str) -> None:
    place = _PLACE.match(value.encode()) if known == _POSITION else None
    if place:
        value = _degrees(*place.groups())
    if value:
        notes.say(*known, value, source=source)


def _degrees(latitude: bytes, longitude: bytes) -> str:
    return f"{float(latitude):.5f}, {float(longitude):.5f}"


def _location(body: bytes, notes: Notes, source: str) -> None:
    """A position as 3GPP writes it: a name, a role, then degrees and metres in parts of 65,536."""
    name, rest = _terminated(body[6:])
    if len(rest) < 13:
        notes.say(*_POSITION, name or "damaged", source=source)
        return
    longitude, latitude = (number / 65536 for number in struct.unpack(">2i", rest[1:9]))
    notes.say(*_POSITION, f"{latitude:.5f}, {longitude:.5f}", source=source)
    _, rest = _terminated(rest[13:])  # which planet
    for place in (name, _terminated(rest)[0]):
        if place:
            notes.say(Harm.WHERE, "place", place, source=source)


def _terminated(raw: bytes) -> tuple[str, bytes]:
    """Text up to its zero character, and what follows."""
    if raw[:2] not in {b"\xfe\xff", b"\xff\xfe"}:
        text, _, rest = raw.partition(b"\0")
        return decoded(text), rest
    end = next((place for place in range(2, len(raw) - 1, 2) if raw[place : place + 2] == b"\0\0"), len(raw))
    return decoded(raw[:end]), raw[end + 2 :]
