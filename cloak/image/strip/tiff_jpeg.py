"""JPEG strips of a TIFF page: how large each is, and which of the tables that all of them share are used.

Source: Adobe, TIFF Technical Note 2; ITU-T T.81, B.2.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from cloak.image.strip.base import Source
from cloak.image.strip.tiff_read import damaged

_DHT, _DQT, _DRI, _SOS = 0xC4, 0xDB, 0xDD, 0xDA
_FRAMES = frozenset(range(0xC0, 0xD0)) - {_DHT, 0xC8, 0xCC}
_SEQUENTIAL = frozenset({0xC0, 0xC1})
_AC = 0x10

Name = tuple[int, int]
"""What a table is called by: the marker of its segment, its class (16 for AC) and number."""

_ALL = frozenset((marker, number) for marker in (_DHT, _DQT) for number in range(32))


@dataclass(frozen=True, slots=True)
class Strip:
    """What the headers of a JPEG strip say: its size, and the tables that it needs and does not have."""

    width: int
    height: int
    needed: frozenset[Name]


def headers(strip: Source) -> Strip:
    """Read the headers of a strip, up to its first scan.

    Raises:
        UnreadablePhotoError: there are none.
    """
    frame, own, position = b"", set[Name](), 2
    while True:
        head = strip.read(position, 4)
        if head[:2] == b"\xff\xff":  # readers skip such bytes
            position += 1
            continue
        marker, size = head[1], int.from_bytes(head[2:], "big")
        payload = strip.read(position + 4, size - 2)
        position += 2 + size
        if marker in {_DHT, _DQT}:
            own |= {name for name, _ in _split(marker, payload)}
        elif marker in _FRAMES:
            frame = bytes([marker]) + payload
        elif marker == _SOS:
            break
    if len(frame) < 7:
        raise damaged("a JPEG strip without a frame")
    height, width = int.from_bytes(frame[2:4], "big"), int.from_bytes(frame[4:6], "big")
    return Strip(width, height, frozenset(_needed(frame, payload) - own))


def _needed(frame: bytes, scan: bytes) -> set[Name]:
    """The tables that are used where one scan has all colours; of several scans, any may be."""
    if frame[0] not in _SEQUENTIAL or scan[:1] != frame[6:7]:
        return set(_ALL)
    coded = scan[2 : 2 + 2 * scan[0] : 2]
    codes = {(_DHT, number >> 4) for number in coded} | {(_DHT, _AC | number & 0xF) for number in coded}
    return codes | {(_DQT, number) for number in frame[9::3]}


class Tables:
    """The tables that all strips of a page share; to be told of the strips."""

    def __init__(self, content: bytes) -> None:
        """Take the tables apart: of two with one name, the last counts.

        Raises:
            UnreadablePhotoError: they cannot be followed.
        """
        self._tables: dict[Name, bytes] = {}
        self._used: set[Name] = set()
        position = 2
        if content[:2] != b"\xff\xd8":
            raise damaged("JPEG tables that do not start as such")
        while content[position : position + 2] != b"\xff\xd9":
            size = 2 + int.from_bytes(content[position + 2 : position + 4], "big")
            segment = content[position : position + size]
            if segment[:1] != b"\xff" or len(segment) < 4 or len(segment) != size:
                raise damaged("JPEG tables without an end")
            self._tables.update(_split(segment[1], segment[4:]))
            position += size

    def use(self, strip: Strip) -> None:
        """Take note of what a strip needs."""
        self._used |= strip.needed

    def written(self) -> bytes:
        """Those tables that a strip needs, each in a segment of its own, in one order; b"" for none."""
        kept = sorted((name, table) for name, table in self._tables.items() if name in self._used)
        segments = b"".join(
            bytes([0xFF, marker]) + (2 + len(table)).to_bytes(2, "big") + table for (marker, _), table in kept
        )
        return b"\xff\xd8" + segments + b"\xff\xd9" if segments else b""


def _split(marker: int, payload: bytes) -> Iterator[tuple[Name, bytes]]:
    """The tables of a segment; of segments of other kinds, none."""
    position = 0
    while position < len(payload) and marker in {_DHT, _DQT}:
        number = payload[position]
        if marker == _DQT:
            size, known = (129, number & 0xF) if number >> 4 else (65, number)
        else:
            size, known = 17 + sum(payload[position + 1 : position + 17]), number
        if position + size > len(payload):
            raise damaged("a JPEG table that is cut off")
        yield (marker, known), payload[position : position + size]
        position += size


__all__ = ["Strip", "Tables", "headers"]
