"""What a thermal camera of FLIR writes into its JPEGs: serial numbers, when, where, and the temperatures themselves.

It is a file of records in several segments. Source: no specification is published; the places are those that readers of
such files agree about (Image::ExifTool::FLIR has them all).
"""

import struct
from datetime import UTC, datetime, timedelta, timezone

from cloak.inspect.finding import Harm, Notes
from cloak.inspect.position import written
from cloak.inspect.text import decoded

_SOURCE = "FLIR"
_KINDS = (b"FFF\0", b"AFF\0")
_VERSIONS = range(100, 200)
_ENTRY = 32
_MOST_RECORDS = 200
_TEMPERATURES, _PICTURE, _CAMERA, _POSITION = 0x01, 0x0E, 0x20, 0x2B
_PICTURE_HEADER = 32
_TEXTS = (
    (0xD4, 32, Harm.DEVICE, "camera or phone"),
    (0x104, 16, Harm.DEVICE, "serial number of the camera"),
    (0x114, 16, Harm.DEVICE, "software of the camera"),
    (0x170, 32, Harm.DEVICE, "lens"),
    (0x1A0, 16, Harm.DEVICE, "serial number of the lens"),
    (0x21C, 32, Harm.DEVICE, "serial number of the filter"),
)
"""Offset and size of what the record of the camera says in words."""
_TAKEN = 0x384


def read(block: memoryview, notes: Notes) -> None:
    """Say what the records say."""
    notes.say(Harm.TRAVELS, "data of a thermal camera", f"{len(block):,} bytes", source=_SOURCE)
    if bytes(block[:4]) not in _KINDS:
        return
    order = next((order for order in "><" if struct.unpack_from(f"{order}I", block, 20)[0] in _VERSIONS), "")
    if not order:
        notes.damaged("the data of the thermal camera is of a version that we do not know")
        return
    start, count = struct.unpack_from(f"{order}II", block, 24)
    for number in range(min(count, _MOST_RECORDS)):
        kind, _, _, _, offset, size = struct.unpack_from(f"{order}HHIIII", block, start + _ENTRY * number)
        record = block[offset : offset + size]
        if kind == _CAMERA:
            _camera(record, notes)
        elif kind == _POSITION:
            _position(record, order, notes)
        elif kind == _TEMPERATURES:
            notes.say(Harm.CROPPED, "thermal picture", f"{len(record):,} bytes", source=_SOURCE)
        elif kind == _PICTURE:
            _picture(record[_PICTURE_HEADER:], notes)


def _camera(record: memoryview, notes: Notes) -> None:
    for offset, size, harm, what in _TEXTS:
        if value := decoded(record[offset : offset + size]):
            notes.say(harm, what, value, source=_SOURCE)
    order = "<" if bytes(record[:2]) == b"\2\0" else ">"  # records have an order of their own
    if len(record) >= _TAKEN + 10:
        seconds, parts, zone = struct.unpack_from(f"{order}IIh", record, _TAKEN)
        if seconds and abs(zone) < 24 * 60:
            time = datetime.fromtimestamp(seconds, UTC).astimezone(timezone(timedelta(minutes=-zone)))
            value = f"{time:%Y-%m-%d %H:%M:%S}.{parts & 0xFFFF:03d} {time:%z}"
            notes.say(Harm.WHEN, "taken", value, source=_SOURCE)


def _position(record: memoryview, order: str, notes: Notes) -> None:
    valid, latitude, longitude, altitude = struct.unpack_from(f"{order}I12xddf", record)
    if valid > 0xFFFF:
        order = "<>"[order == "<"]
        valid, latitude, longitude, altitude = struct.unpack_from(f"{order}I12xddf", record)
    if not valid or not (abs(latitude) <= 90 and abs(longitude) <= 180):
        return
    notes.say(Harm.WHERE, "position", written(f"{latitude:.7f}", f"{longitude:.7f}"), source=_SOURCE)
    if altitude not in {0, -1}:
        notes.say(Harm.WHERE, "altitude", f"{altitude:.0f} m above sea level", source=_SOURCE)


def _picture(content: memoryview, notes: Notes) -> None:
    """A photo of the same scene, as a JPEG or PNG, or as bare pixels."""
    what = "picture in visible light"
    if bytes(content[:3]) in {b"\xff\xd8\xff", b"\x89PN"}:
        notes.picture(content, what, source=_SOURCE)
    else:
        notes.say(Harm.CROPPED, what, f"{len(content):,} bytes", source=_SOURCE)


__all__ = ["read"]
