"""Boxes of HEIC and AVIF files: read from a `Source` by their headers, and written.

Source: ISO/IEC 14496-12:2022, section 4.2.
"""

import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from cloak.errors import UnreadablePhotoError, UnsupportedPhotoError
from cloak.image.strip.base import Piece, Source, Span

LARGEST_TABLE = 2 << 20
"""Bytes of a table that are read: enough for 65,535 tiles, or 100,000 frames."""
LARGEST_PROFILES = 32 << 20
"""Bytes of the table of properties that are read: colour profiles are in it."""
_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}
_MOST_BOXES = 100_000


@dataclass(frozen=True, slots=True)
class Box:
    """Where a box lies in the file: its first byte, the first byte of its content, and the byte after it."""

    kind: bytes
    start: int
    body: int
    end: int

    @property
    def name(self) -> str:
        """Its four-character code, for messages."""
        return self.kind.decode("latin-1")


@dataclass(slots=True)
class Report:
    """What was left out, what stays beside the picture, and what else is to be said, in people's words."""

    removed: set[str] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)
    notes: set[str] = field(default_factory=set)


def damaged(what: str) -> UnreadablePhotoError:
    """The error for a file that breaks its own format's rules."""
    return UnreadablePhotoError(f"truncated or damaged ({what}): copy it again from its source")


def unsupported(what: str) -> UnsupportedPhotoError:
    """The error for a file that could not be rewritten without a change to the picture."""
    return UnsupportedPhotoError(f"{what}: export it again as JPEG or PNG, or use --reencode")


def header(source: Source, position: int, end: int) -> Box:
    """Read the header of the box at `position` in a parent that ends at `end`.

    The box may reach beyond its parent.

    Raises:
        UnreadablePhotoError: it is smaller than its own header, or the header is cut off.
    """
    if end - position < 8:
        raise damaged(f"{end - position} bytes at offset {position} where a box should be")
    size, kind = struct.unpack(">I4s", source.read(position, 8))
    body = position + 8
    if size == 1:
        size = int.from_bytes(source.read(body, 8), "big")
        body += 8
    elif size == 0:
        size = end - position
    if position + size < body:
        raise damaged(f"box {kind!r} at offset {position} announces {size} bytes")
    return Box(kind, position, body, position + size)


def boxes(source: Source, start: int, end: int) -> Iterator[Box]:
    """Yield the boxes between two offsets.

    Raises:
        UnreadablePhotoError: a box reaches beyond `end`.
        UnsupportedPhotoError: more boxes than any photo has.
    """
    for _ in range(_MOST_BOXES):
        if start == end:
            return
        box = header(source, start, end)
        if box.end > end:
            raise damaged(
                f"box {box.kind!r} at offset {start} announces {box.end - start} bytes, {end - start} are left"
            )
        yield box
        start = box.end
    raise unsupported(f"more than {_MOST_BOXES} boxes in one")


def unique(source: Source, start: int, end: int) -> dict[bytes, Box]:
    """The boxes between two offsets by kind, the first of each."""
    found: dict[bytes, Box] = {}
    for box in boxes(source, start, end):
        found.setdefault(box.kind, box)
    return found


def content(source: Source, box: Box, limit: int | None = None) -> bytes:
    """The content of a table.

    Raises:
        UnsupportedPhotoError: it is larger than `limit`, or than any photo needs.
    """
    if box.end - box.body > (limit or LARGEST_TABLE):
        raise unsupported(f"a box {box.kind!r} of {box.end - box.body} bytes, more than any photo needs")
    return source.read(box.body, box.end - box.body)


class Fields:
    """Numbers from the content of a box, one after the other."""

    def __init__(self, data: bytes, name: str) -> None:
        self._data = data
        self._name = name
        self.position = 0

    @property
    def left(self) -> int:
        """Bytes not yet read."""
        return len(self._data) - self.position

    def take(self, count: int) -> bytes:
        """The next `count` bytes.

        Raises:
            UnreadablePhotoError: there are fewer.
        """
        if count > self.left:
            raise damaged(f"its {self._name} box holds {self.left} bytes where {count} are announced")
        self.position += count
        return self._data[self.position - count : self.position]

    def number(self, size: int) -> int:
        """An unsigned number of `size` bytes, 0 for a size of 0."""
        return int.from_bytes(self.take(size), "big")

    def numbers(self, count: int, size: int = 4) -> tuple[int, ...]:
        """As many unsigned numbers of 1, 2, 4 or 8 bytes."""
        return struct.unpack(f">{count}{_CODES[size]}", self.take(count * size))

    def version(self) -> tuple[int, int]:
        """Version and flags."""
        return self.number(1), self.number(3)


def fields(source: Source, box: Box) -> Fields:
    """The content of a table, to be read field by field."""
    return Fields(content(source, box), box.name)


def write_box(kind: bytes, *parts: bytes) -> bytes:
    """A box."""
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def write_full(kind: bytes, *parts: bytes, version: int = 0, flags: int = 0) -> bytes:
    """A box with version and flags."""
    return write_box(kind, struct.pack(">I", version << 24 | flags), *parts)


HANDLER = {kind: write_full(b"hdlr", bytes(4) + kind + bytes(13)) for kind in (b"pict", b"auxv")}
"""Handler boxes without a name."""


class Content:
    """Bytes that lie in several places of the file and are meant to be read in one go."""

    def __init__(self, source: Source, spans: Sequence[Span]) -> None:
        self._source = source
        self._spans = spans
        self._ends = list(accumulate(map(len, spans)))
        self.size = self._ends[-1] if self._ends else 0

    def read(self, offset: int, count: int) -> bytes:
        """The bytes from `offset`; fewer than `count` at the end."""
        wanted = self.cut(offset, min(offset + count, self.size))
        return b"".join(self._source.read(span.start, len(span)) for span in wanted)

    def cut(self, start: int, end: int) -> list[Span]:
        """Where in the file the bytes from `start` up to `end` lie."""
        found = []
        index = bisect_right(self._ends, start)
        while start < end:
            span, last = self._spans[index], self._ends[index]
            stop = min(end, last)
            found.append(Span(span.end - (last - start), span.end - (last - stop)))
            start = stop
            index += 1
        return found


def joined(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """The same bytes in as few pieces as possible."""
    found: list[Piece] = []
    for piece in pieces:
        last = found[-1] if found else None
        if not len(piece):
            continue
        if isinstance(last, Span) and isinstance(piece, Span) and last.end == piece.start:
            found[-1] = Span(last.start, piece.end)
        elif isinstance(last, bytes) and isinstance(piece, bytes):
            found[-1] = last + piece
        else:
            found.append(piece)
    return tuple(found)
