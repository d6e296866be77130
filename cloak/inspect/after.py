"""What follows the end of a picture: further pictures, motion videos, archives, what a crop left behind."""

import re

from cloak.image.buffers import Buffer, search
from cloak.inspect import film
from cloak.inspect.finding import Harm, Notes

_PICTURE = re.compile(rb"\xff\xd8\xff[\xc0-\xfe]")
_FILM = re.compile(rb"ftyp(?:mp4|isom|qt  |MSNV|iso\d|avc1|M4V)|moov....mvhd", re.DOTALL)
_GAIN_MAP = re.compile(rb"hdrgm:Version|HDRGainMap|urn:iso:std:iso:ts:21496")
_SAMSUNG = re.compile(rb"Image_UTC_Data(\d{13})")
_CROPPED = "picture data, as a crop leaves it behind"
_KINDS = (
    (re.compile(rb"PK\x03\x04"), "a ZIP archive"),
    (re.compile(rb"%PDF-"), "a PDF"),
    (re.compile(rb"(?i)<html|<script"), "a web page"),
    (re.compile(rb"IDAT|IEND\xaeB`\x82"), _CROPPED),
    (re.compile(rb"\x7fELF|MZ\x90\0"), "a program"),
)
_MOST = 16
_LARGEST = 1 << 28


def read(data: Buffer, start: int, notes: Notes, *, padding: bool = True) -> None:
    """Say what lies behind the end of the picture.

    Args:
        data: the file.
        start: where the picture ends.
        notes: where to write it down.
        padding: whether bytes of zero count as well.
    """
    from cloak.inspect.containers import isobmff  # noqa: PLC0415 -- as below

    size = len(data) - start
    if not padding and size < 1 << 16 and not any(data[start:]):
        return
    head = bytes(data[start : start + _LARGEST]) if size <= _LARGEST else b""
    kinds = [name for pattern, name in _KINDS if search(pattern, data, start, overlap=8)]
    pictures = _pictures(data, start, notes)
    if not pictures and bytes(data[:2]) == b"\xff\xd8" and bytes(data[-2:]) == b"\xff\xd9":
        kinds.append(_CROPPED)
    kinds += [f"{pictures} further picture{'s' if pictures > 1 else ''}"] if pictures else []
    if found := search(_FILM, data, start, overlap=16):
        kinds.append("a video")
        notes.say(Harm.TRAVELS, "motion video", f"{len(data) - found.start() + 4:,} bytes", source="after the end")
        with notes.reading("the motion video"):
            isobmff.video(memoryview(data)[max(start, found.start() - 4) :], notes)
    if b"MotionPhoto_Data" in head[-4096:] or b"SEFT" in head[-64:]:
        kinds.append("notes of a Samsung phone")
    samsung(data, start, notes)
    text = f"{size:,} bytes" + (f": {', '.join(kinds)}" if kinds else "")
    notes.say(Harm.TRAVELS, "data after the end of the picture", text, source="after the end")


def samsung(data: Buffer, start: int, notes: Notes, *, source: str = "after the end") -> None:
    """Say when a Samsung phone took it, if its notes are there."""
    if utc := search(_SAMSUNG, data, start, overlap=32):
        notes.say(Harm.WHEN, "taken", film.unix(int(utc.group(1)) / 1000), source=source)


def _pictures(data: Buffer, start: int, notes: Notes) -> int:
    """Read the JPEG pictures that lie there; return how many."""
    from cloak.inspect.containers import jpeg  # noqa: PLC0415 -- which imports this module

    count, position = 0, start
    while count < _MOST and (found := search(_PICTURE, data, position, overlap=4)):
        count, position = count + 1, found.start() + 3
        with notes.reading("a further picture"):
            position = max(position, jpeg.read_picture(data, found.start(), notes))
            content = bytes(data[found.start() : min(position, found.start() + _LARGEST)])
            what = "gain map" if _GAIN_MAP.search(content, 0, 1 << 16) else "further picture"
            notes.picture(content, what, source="after the end")
    return count
