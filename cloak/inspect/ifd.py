"""Read TIFF directories as far as they make sense: EXIF blocks, TIFF files and maker notes.

`cloak.image.structure` gives a directory up at the first entry that is wrong, which is right for what is to be written.
Here every entry that can be read counts: a serial number beside a damaged one is still a serial number.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from cloak.inspect.text import decoded

_CODES = {1: "B", 2: "s", 3: "H", 4: "I", 5: "II", 6: "b", 7: "s", 8: "h", 9: "i", 10: "ii", 11: "f", 12: "d", 13: "I"}
_CODES |= {16: "Q", 17: "q", 18: "Q", 129: "s"}
_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_WIDTHS |= {129: 1}  # text in UTF-8, since EXIF 3.0
_BIG_WIDTHS = _WIDTHS | {16: 8, 17: 8, 18: 8}
_INTEGERS = frozenset({1, 3, 4, 6, 8, 9, 13, 16, 17, 18})
_BIG = frozenset({b"II+\0\x08\0\0\0", b"MM\0+\0\x08\0\0"})
_MOST_NUMBERS = 64
_MOST_DIRECTORIES = 100

EXIF, GPS, INTEROP, SUB = 0x8769, 0x8825, 0xA005, 0x014A
_POINTERS = {EXIF: "exif", GPS: "gps", INTEROP: "interop", SUB: "sub"}


@dataclass(frozen=True, slots=True)
class Tag:
    """One entry of a directory.

    Attributes:
        directory: "main", "exif", "gps", "interop", "sub".
        page: which of the main directories it is, or belongs to, from 0.
        number: which tag.
        kind: TIFF data type, 1 to 13; 129 for text in UTF-8; 16 to 18 in a BigTIFF, too.
        value: its raw bytes.
        offset: where they start in the block.
        little: byte order.
    """

    directory: str
    page: int
    number: int
    kind: int
    value: memoryview
    offset: int
    little: bool

    def text(self) -> str:
        """The value as text; numbers are joined by spaces."""
        if self.kind in {1, 2, 6, 7, 129}:
            return decoded(self.value)
        return " ".join(f"{number:g}" for number in self.numbers())

    def numbers(self) -> tuple[float, ...]:
        """The value as numbers; fractions without a denominator are left out."""
        if self.kind in {5, 10}:
            return tuple(float(fraction) for fraction in self.fractions() if fraction is not None)
        if self.kind in {2, 7, 129}:
            return tuple(float(byte) for byte in self.value[:_MOST_NUMBERS])
        return tuple(float(number) for number in self._unpacked())

    def integer(self) -> int:
        """The first number; -1 for none."""
        return int(next(iter(self._unpacked()), -1)) if self.kind in _INTEGERS else -1

    def fractions(self) -> tuple[Fraction | None, ...]:
        """A rational value; None for each fraction without a denominator."""
        if self.kind not in {5, 10}:
            return ()
        flat = self._unpacked()
        pairs = zip(flat[::2], flat[1::2], strict=False)
        return tuple(Fraction(int(above), int(below)) if below else None for above, below in pairs)

    def _unpacked(self) -> tuple[int | float, ...]:
        width, code = _BIG_WIDTHS[self.kind], _CODES[self.kind]
        count = min(len(self.value) // width, _MOST_NUMBERS)
        return struct.unpack(f"{'<' if self.little else '>'}{code * count}", self.value[: width * count])


def walk(block: memoryview) -> Iterator[Tag]:
    """Yield the tags of all directories behind a TIFF or BigTIFF header; each once, whatever points at it."""
    order = {b"II": True, b"MM": False}.get(bytes(block[:2]))
    if order is None or len(block) < 10:
        return
    big = bytes(block[:8]) in _BIG
    waiting = [("main", _uint(block, 8 if big else 4, 8 if big else 4, little=order), 0)]
    seen: set[int] = set()
    while waiting and len(seen) < _MOST_DIRECTORIES:
        name, offset, page = waiting.pop(0)
        if offset in seen or not 0 < offset < len(block):
            continue
        seen.add(offset)
        for tag in directory(block, offset, little=order, name=name, page=page, big=big):
            yield tag
            if tag.number in _POINTERS and tag.kind in {3, 4, 9, 13, 16, 18}:
                waiting += [(_POINTERS[tag.number], int(place), page) for place in tag.numbers()[:16]]
        if name == "main":
            waiting.append(("main", _following(block, offset, little=order, big=big), page + 1))


def directory(
    block: memoryview, offset: int, *, little: bool, name: str = "main", page: int = 0, base: int = 0, big: bool = False
) -> Iterator[Tag]:
    """Yield those entries of one directory that lie within the block.

    Args:
        block: what offsets are counted in.
        offset: where the directory starts in it.
        little: byte order.
        name: what to call it.
        page: see `Tag`.
        base: what is added to offsets of values.
        big: laid out as in a BigTIFF.
    """
    head, entry, inline, widths = (8, 20, 8, _BIG_WIDTHS) if big else (2, 12, 4, _WIDTHS)
    count = _uint(block, offset, head, little=little)
    first = offset + head
    for start in range(first, min(first + entry * count, len(block) - entry + 1), entry):
        number, kind = (_uint(block, place, 2, little=little) for place in (start, start + 2))
        size = widths.get(kind, 0) * _uint(block, start + 4, inline, little=little)
        value = start + 4 + inline
        place = value if size <= inline else base + _uint(block, value, inline, little=little)
        if kind in widths and size and place >= 0 and place + size <= len(block):
            yield Tag(name, page, number, kind, block[place : place + size], place, little)


def _following(block: memoryview, offset: int, *, little: bool, big: bool) -> int:
    """Where the next main directory starts; 0 for none."""
    head, entry, width = (8, 20, 8) if big else (2, 12, 4)
    return _uint(block, offset + head + entry * _uint(block, offset, head, little=little), width, little=little)


def _uint(block: memoryview, offset: int, size: int, *, little: bool) -> int:
    """An unsigned integer; 0 beyond the end."""
    if offset + size > len(block):
        return 0
    return int.from_bytes(block[offset : offset + size], "little" if little else "big")
