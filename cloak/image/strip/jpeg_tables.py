"""Which tables of a JPEG file its scans use: the others could hold anything.

Source: ITU-T T.81, B.2.4 (tables), B.2.3 (what a scan names), G.1.2 (what the scans of a progressive picture use).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from cloak.image.strip.base import Piece, Span

DHT, DAC, DQT = 0xC4, 0xCC, 0xDB
_LOSSLESS, _PROGRESSIVE, _ARITHMETIC = frozenset({0xC3, 0xCB}), frozenset({0xC2, 0xCA}), frozenset({0xC9, 0xCA, 0xCB})
_AC = 0x10

_Name = tuple[int, int]
"""What later parts of the file call a table by: the marker of its segment, its class (16 for AC) and number."""


@dataclass(slots=True)
class _Table:
    """Where a table is, and whether a scan uses it."""

    place: Span
    used: bool = False


class Tables:
    """The tables of a file; to be told of segments and scans in their order."""

    def __init__(self) -> None:
        self._now: dict[_Name, _Table] = {}
        self._segments: dict[Span, tuple[int, list[_Table]]] = {}

    def add(self, segment: Span, marker: int, payload: bytes) -> bool:
        """Take note of a segment, from its marker on; return whether it consists of whole tables."""
        position, tables = 0, []
        for name, size in _split(marker, payload):
            start = segment.start + 4 + position
            tables.append(_Table(Span(start, start + size)))
            self._now[name] = tables[-1]
            position += size
        self._segments[segment] = marker, tables
        return position == len(payload)

    def use(self, marker: int, frame: bytes, scan: bytes) -> None:
        """Take note of what a scan uses.

        Args:
            marker: of the frame.
            frame: its header.
            scan: the header of the scan.
        """
        for name in _used(marker, frame, scan):
            if name in self._now:
                self._now[name].used = True

    def written(self, piece: Piece) -> tuple[Piece, ...]:
        """What to write of a piece: of a segment those tables that are used, anything else as it is."""
        if not isinstance(piece, Span) or piece not in self._segments:
            return (piece,)
        marker, tables = self._segments[piece]
        used = [table.place for table in tables if table.used]
        if len(used) in {0, len(tables)}:
            return (piece,) if used else ()
        return bytes([0xFF, marker]) + (2 + sum(map(len, used))).to_bytes(2, "big"), *used


def _split(marker: int, payload: bytes) -> Iterator[tuple[_Name, int]]:
    """The tables in a segment: the name and the size of each."""
    position = 0
    while position < len(payload):
        head = payload[position]
        name, size = (marker, head), 2
        if marker == DHT:
            size = 17 + sum(payload[position + 1 : position + 17])
        elif marker == DQT:
            name, size = (marker, head & 15), 65 + 64 * (head >> 4 != 0)
        yield name, size
        position += size


def _used(marker: int, frame: bytes, scan: bytes) -> Iterator[_Name]:
    """The tables that a scan uses, whether or not they are there."""
    coded = DAC if marker in _ARITHMETIC else DHT
    first, refines = scan[-3], scan[-1] >> 4
    refined = marker in _PROGRESSIVE and refines
    only_ac = marker in _PROGRESSIVE and first
    only_dc = marker in _LOSSLESS or (marker in _PROGRESSIVE and not first)
    for component, choice in zip(scan[1:-3:2], scan[2:-3:2], strict=True):
        # Some files give several components one name.
        yield from ((DQT, number) for name, number in zip(frame[6::3], frame[8::3], strict=True) if name == component)
        if not only_ac and not refined:
            yield coded, choice >> 4
        if not only_dc:
            yield coded, _AC | choice & 15


__all__ = ["DAC", "DHT", "DQT", "Tables"]
