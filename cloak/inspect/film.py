"""What a film says about itself: motion videos, and the frames of animated HEIC and AVIF files.

Source: ISO/IEC 14496-12; Apple's QuickTime File Format, "User Data Atoms" and "Metadata".
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from cloak.image.bmff import Box, boxes
from cloak.image.structure import StructureError
from cloak.inspect.finding import Harm, Notes
from cloak.inspect.text import decoded

_EPOCH = datetime(1904, 1, 1, tzinfo=UTC)
_NESTS = frozenset({b"moov", b"trak", b"mdia", b"udta", b"ilst", b"minf"})
_HEADERS = {b"mvhd": "video made", b"tkhd": "video track made", b"mdhd": "video track made"}
_PLACE = re.compile(rb"([+-]\d{1,3}\.\d{2,10})([+-]\d{1,3}\.\d{2,10})(?:[+-]\d{1,6}(?:\.\d{1,6})?)?/")
_WORDS = {
    b"\xa9day": (Harm.WHEN, "video made"),
    b"\xa9mak": (Harm.DEVICE, "camera or phone"),
    b"\xa9mod": (Harm.DEVICE, "camera or phone"),
    b"\xa9swr": (Harm.DEVICE, "software"),
    b"\xa9too": (Harm.DEVICE, "software"),
    b"\xa9ART": (Harm.WHO, "artist"),
    b"\xa9nam": (Harm.WHO, "title"),
    b"\xa9cmt": (Harm.WHO, "comment"),
}
_MOST = 2_000
_META_LARGEST = 1 << 20


def read(data: memoryview, notes: Notes, *, source: str = "video") -> None:
    """Say what the boxes of a film say, as far as they can be followed."""
    seen = [0]
    for box in _flat(data, seen):
        if box.kind in _HEADERS and len(box.body) >= 12:
            width = 8 if box.body[0] == 1 else 4
            for place, what in ((4, _HEADERS[box.kind]), (4 + width, "video changed")):
                seconds = int.from_bytes(box.body[place : place + width], "big")
                if seconds:
                    notes.say(Harm.WHEN, what, since_1904(seconds), source=source)
        elif box.kind in _WORDS and (value := decoded(box.body[4:])):
            notes.say(*_WORDS[box.kind], value, source=source)
        elif box.kind in {b"\xa9xyz", b"meta", b"loci"}:
            _place(bytes(box.body[:_META_LARGEST]), notes, source)


def _place(content: bytes, notes: Notes, source: str) -> None:
    if found := _PLACE.search(content):
        values = [f"{float(number):.5f}" for number in found.groups()]
        notes.say(Harm.WHERE, "position", ", ".join(values), source=source)
    for key, harm, what in ((b"com.apple.quicktime.content.identifier", Harm.TRAVELS, "ID of the live photo"),):
        if key in content:
            notes.say(harm, what, source=source)


def _flat(data: memoryview, seen: list[int], depth: int = 0) -> Iterator[Box]:
    iterator = boxes(data)
    while seen[0] < _MOST:
        seen[0] += 1
        try:
            box = next(iterator)
        except (StopIteration, StructureError):
            return
        if box.kind in _NESTS and depth < 8:
            yield from _flat(box.body, seen, depth + 1)
        else:
            yield box


def since_1904(seconds: int) -> str:
    """Seconds since 1904, as films count them; some writers count from 1970."""
    if seconds < 2_082_844_800:
        return unix(seconds)
    return (_EPOCH + timedelta(seconds=min(seconds, 10**10))).strftime("%Y-%m-%d %H:%M:%S UTC")


def unix(seconds: float) -> str:
    """Seconds since 1970 as a date."""
    return datetime.fromtimestamp(min(seconds, 10**10), UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
