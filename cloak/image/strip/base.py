"""What every lossless stripper speaks: a `Source` to read from, what to `Keep`, and the `Plan` of what to write.

A stripper reads the skeleton of a file and decides, by an allow-list, what the new file consists of: bytes that it
made, and spans of the original that are copied as they are. It decides everything before anything is written, so sizes
and offsets are known; and it never holds pixel data, so memory does not depend on the size of the file.

To add a container: a module here with ``plan(source, keep) -> Plan``, and a second reader in `cloak.image.scan`.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cloak.errors import UnreadablePhotoError
from cloak.image.buffers import Buffer

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

CUT_OFF = "the picture is cut off: its end is missing in the original, too"
SEVERAL = "several pictures are in it, and all of them stay; many programs show only the first"
TURNED_BY_TEXT = "EXIF or XMP say another way up, which by the standard does not count: browsers show it as before"
TURNED_BY_EXIF = "only XMP or text said which way is up, where browsers do not look: EXIF says it now, and they do"
ANEW = "its pixels were coded as by a fax, and are coded anew without loss: where they end could not be told otherwise"
DAMAGED = "parts of the picture are damaged, in the original, too"
"""Notes of `Plan`."""

BLOCK = 1 << 20
"""Bytes that are copied at a time."""
_WINDOW = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """What may stay beside the picture.

    Attributes:
        orientation: which way is up, as the container's structure or as an EXIF block that holds nothing else.
        profile: the colour space, as a profile that names no device, date or person (`cloak.image.profiles`).
    """

    orientation: bool = True
    profile: bool = True


class Source(Protocol):
    """Random access to the bytes of one file, bounds-checked."""

    size: int

    def read(self, offset: int, count: int) -> bytes:
        """Return `count` bytes from `offset`.

        Raises:
            UnreadablePhotoError: the file ends before that.
        """
        ...


class Memory:
    """A `Source` over bytes."""

    def __init__(self, data: Buffer) -> None:
        self.data = data
        self.size = len(data)

    def read(self, offset: int, count: int) -> bytes:
        """See `Source.read`."""
        _check(offset, count, self.size)
        return self.data[offset : offset + count]


class File:
    """A `Source` over a file that is open for as long as the ``with`` block lasts; small reads come out of a window."""

    def __init__(self, path: Path) -> None:
        """Open the file; an `OSError` is the caller's."""
        self._file = path.open("rb", buffering=0)
        self.size = os.fstat(self._file.fileno()).st_size
        self._start = 0
        self._window = b""

    def __enter__(self) -> "Self":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        self._file.close()

    def read(self, offset: int, count: int) -> bytes:
        """See `Source.read`."""
        start = offset - self._start
        if start >= 0 and 0 <= count <= len(self._window) - start:
            return self._window[start : start + count]
        _check(offset, count, self.size)
        if count > _WINDOW // 2:
            return self._fetch(offset, count)
        self._start, self._window = offset, self._fetch(offset, min(_WINDOW, self.size - offset))
        return self._window[:count]

    def _fetch(self, offset: int, count: int) -> bytes:
        data = b""
        try:
            self._file.seek(offset)
            while len(data) < count:
                more = self._file.read(count - len(data))
                if not more:  # somebody made it shorter meanwhile
                    raise UnreadablePhotoError(
                        f"the file ends at byte {offset + len(data)} while it is read: try again"
                    )
                data = data + more if data else more
        except OSError as error:
            raise UnreadablePhotoError(f"cannot be read: {error.strerror}: copy it again from its source") from error
        return data


def _check(offset: int, count: int, size: int) -> None:
    if offset < 0 or count < 0 or offset + count > size:
        raise UnreadablePhotoError(
            f"truncated or damaged (bytes {offset} to {offset + count} of {size}): copy it again from its source"
        )


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes of the original that are copied as they are: from `start` up to, not including, `end`."""

    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Masked(Span):
    """Bytes of the original of which only some bits are copied: those of `mask`, again and again."""

    mask: bytes

    def blocks(self, source: Source) -> Iterator[bytes]:
        """Yield what is copied, a block at a time."""
        count = max(1, BLOCK // len(self.mask))
        whole, step = int.from_bytes(self.mask * count), len(self.mask) * count
        for start in range(self.start, self.end, step):
            data = source.read(start, min(step, self.end - start))
            mask = whole >> 8 * (step - len(data))
            yield (int.from_bytes(data) & mask).to_bytes(len(data))

    def placed(self, source: Source) -> Iterator[tuple[int, bytes]]:
        """Yield what is copied, a block at a time, each with its offset in the original."""
        start = self.start
        for block in self.blocks(source):
            yield start, block
            start += len(block)


Piece = bytes | Span


def merged(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Join spans that follow each other; leave out what is empty."""
    last: Piece | None = None
    for piece in pieces:
        if not len(piece):
            continue
        if type(last) is Span and type(piece) is Span and piece.start == last.end:
            last = Span(last.start, piece.end)
            continue
        if last is not None:
            yield last
        last = piece
    if last is not None:
        yield last


@dataclass(frozen=True, slots=True)
class Plan:
    """What the new file consists of.

    Attributes:
        pieces: in order.
        removed: names of what is left out, in people's words (`cloak.image.blocks`); sorted here, each once.
        kept: names of what stays beside the picture: "orientation", "colour profile".
        notes: what people should know about the picture that is written.
    """

    pieces: tuple[Piece, ...]
    removed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "removed", tuple(sorted(set(self.removed), key=str.casefold)))

    @property
    def size(self) -> int:
        """Bytes of the new file."""
        return sum(len(piece) for piece in self.pieces)

    def blocks(self, source: Source) -> Iterator[bytes]:
        """Yield the content of the new file, a block at a time.

        Raises:
            UnreadablePhotoError: the source has become shorter.
        """
        for piece in self.pieces:
            if isinstance(piece, bytes):
                yield piece
                continue
            if isinstance(piece, Masked):
                yield from piece.blocks(source)
                continue
            for start in range(piece.start, piece.end, BLOCK):
                yield source.read(start, min(BLOCK, piece.end - start))
