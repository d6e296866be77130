"""The strips and tiles of a TIFF page: where the pixels in each end.

Source: TIFF 6.0, sections 3, 9, 11, 13, 15, 21; Adobe, TIFF Technical Note 2 (JPEG).
"""

import zlib
from collections.abc import Iterator
from types import TracebackType

from cloak.errors import TooLargeError
from cloak.image.strip import jpeg, webp
from cloak.image.strip.base import ANEW, DAMAGED, Keep, Masked, Piece, Source, Span
from cloak.image.strip.fax import GROUP4, Recoder, group4
from cloak.image.strip.lzw import Codes
from cloak.image.strip.reader import Reader
from cloak.image.strip.tiff_jpeg import headers
from cloak.image.strip.tiff_layout import (
    DEFLATE,
    DEFLATE_OLD,
    JPEG,
    JPEG_OLD,
    LZMA,
    LZW,
    PACKBITS,
    RAW,
    WEBP,
    Layout,
    layout,
)
from cloak.image.strip.tiff_read import damaged
from cloak.image.strip.tiff_rows import shown
from cloak.image.strip.tiff_unpack import MIRRORED, Deflate, Xz, inflated, packbits

_PACKED = frozenset({DEFLATE, DEFLATE_OLD, LZMA})
_FILES = {JPEG_OLD: jpeg.plan, JPEG: jpeg.plan, WEBP: webp.plan}
"""How pixels are coded that are a file of their own in each strip."""
_NEVER_MIRRORED = frozenset({RAW, JPEG_OLD, JPEG})
"""How pixels are coded where the order of bits says nothing about the code: libtiff reverses the bits of all others."""
_STEP = 1 << 16
_MOST_HELD = 1 << 28  # bytes of a strip that is coded anew
_MOST = 1 << 31  # bytes of pixels that are unpacked
_FREE, _FACTOR = 1 << 29, 100  # those that any file may hold, and how many more for each of its bytes


class Trimmer:
    """Finds where the pixels of strips end; what is behind is left out. To be used in a ``with`` block.

    Attributes:
        hidden: whether anything was left out.
        removed: names of what was left out of JPEG streams.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.hidden = False
        self.removed: set[str] = set()
        self._decoded = 0
        self._recoder = Recoder(source.size)

    def __enter__(self) -> "Trimmer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._recoder.close()

    @property
    def notes(self) -> tuple[str, ...]:
        """What people should know about the pixels."""
        return (ANEW, *((DAMAGED,) if self._recoder.damaged else ())) if self._recoder.used else ()

    def end(self, laid: Layout, offsets: tuple[int, ...], sizes: tuple[int, ...]) -> bool:
        """Whether all strips of a page say where they end, if they are coded as by a Group 4 fax.

        Raises:
            UnreadablePhotoError: one lies outside the file.
        """
        places = set(zip(offsets[: laid.count], sizes, strict=False)) - {(0, 0)}
        return all(group4(_blocks(self._strip(laid, *place))) is not None for place in places)

    def trim(self, laid: Layout, index: int, offset: int, count: int) -> tuple[Piece, ...]:
        """What to write of a strip.

        Raises:
            UnreadablePhotoError: it ends early, or cannot be followed.
            TooLargeError: all strips together hold too many pixels.
        """
        expected = laid.size(index)
        if laid.compression in _PACKED or laid.anew:
            self._decoded += expected
            if self._decoded > min(_MOST, _FREE + _FACTOR * self.source.size):
                raise TooLargeError(f"TIFF: {self._decoded} bytes of pixels are too many: split it into several files")
        if laid.compression == RAW:
            self.hidden |= count > expected
            if not 0 <= offset <= self.source.size - expected:
                raise damaged(f"strip {index} lies outside the file")
            pieces = shown(self.source, offset, laid.part(index))
            self.hidden |= isinstance(pieces[0], Masked)
            return pieces
        strip = self._strip(laid, offset, count)
        if laid.anew:
            return (self._anew(strip, laid, expected),)
        return tuple(
            Span(offset + piece.start, offset + piece.end)
            if isinstance(piece, Span)
            else (piece.translate(MIRRORED) if strip.mirrored else piece)
            for piece in self._pieces(strip, laid, index)
        )

    def _strip(self, laid: Layout, offset: int, count: int) -> "_Window":
        if not 0 <= offset <= offset + count <= self.source.size:
            raise damaged(f"a strip at offset {offset} lies outside the file")
        mirrored = laid.mirrored and laid.compression not in _NEVER_MIRRORED
        return _Window(self.source, offset, count, mirrored=mirrored)

    def _anew(self, strip: Source, laid: Layout, expected: int) -> bytes:
        if laid.bits != (1,):
            raise damaged(f"pixels of {laid.bits[:9]} bits that are coded as by a fax")
        rows = expected // -(-laid.width // 8)
        most = laid.width * rows + _STEP  # a byte for a pixel is more than any code takes
        data = strip.read(0, min(strip.size, most))
        return self._recoder.recode(
            data, compression=laid.compression, options=laid.options, width=laid.width, rows=rows
        )

    def _pieces(self, strip: Source, laid: Layout, index: int) -> tuple[Piece, ...]:
        """What to write of a strip, by offsets from its start."""
        if laid.compression == LZW:
            return self._lzw(strip, index, laid.size(index))
        if laid.compression in _FILES:
            return self._file(strip, laid, index)
        if laid.compression == PACKBITS:
            packed = packbits(Reader(strip), laid.size(index))
            self.hidden |= packed != (Span(0, strip.size),)
            return packed
        if laid.compression == GROUP4:
            used, size = group4(_blocks(strip)) or strip.size, 0
        else:
            used, size = _unpacked(strip, laid, index)
        self.hidden |= used < strip.size
        if size > laid.size(index) and laid.compression != LZMA:  # a last strip with rows behind those of the page
            self.hidden = True
            if laid.size(index) > _MOST_HELD:
                raise TooLargeError(
                    f"TIFF: a last strip of {laid.size(index)} bytes that holds more: save it as PNG first"
                )
            return (zlib.compress(inflated(strip.read(0, used), laid.size(index))),)
        return (Span(0, used),)

    def _lzw(self, strip: Source, index: int, expected: int) -> tuple[Piece, ...]:
        head = strip.read(0, min(2, strip.size))
        old = head[:1] == b"\0" and len(head) == 2 and head[1] & 1  # as written before the standard: as in a GIF
        codes = Codes(8, expected, tiff=not old)
        end = None
        for block in _blocks(strip):
            end = codes.feed(block)
            if end:
                break
        if codes.seen < expected:
            raise damaged(f"strip {index} holds {codes.seen} of {expected} bytes")
        end = end or codes.end()
        size = end.whole + len(end.tail)
        self.hidden |= size < strip.size
        if size <= strip.size and strip.read(end.whole, len(end.tail)) == end.tail:
            return (Span(0, size),)
        return Span(0, end.whole), end.tail

    def _file(self, strip: Source, laid: Layout, index: int) -> tuple[Piece, ...]:
        planned = _FILES[laid.compression](strip, Keep(orientation=False, profile=False))
        if planned.notes:
            raise damaged(f"a strip: {'; '.join(planned.notes)}")
        if laid.compression in {JPEG, JPEG_OLD}:
            found = headers(strip)
            if found.width > laid.width or found.height > laid.lines(index):
                raise damaged(f"strip {index} holds {found.width} x {found.height} pixels, more than belong to it")
            if laid.tables:
                laid.tables.use(found)
        self.removed.update(planned.removed)
        return planned.pieces


def _unpacked(strip: Source, laid: Layout, index: int) -> tuple[int, int]:
    """Bytes of a strip up to the end of its pixels, which are unpacked to find it, and how many they are then."""
    unpack = Xz() if laid.compression == LZMA else Deflate()
    most, size = laid.size(index, full=True), 0
    for block in _blocks(strip):
        for part in unpack.parts(block):
            size += part
            if size > most:
                raise damaged(f"strip {index} holds more than {most} bytes")
        if unpack.eof:
            break
    if not unpack.eof or size < laid.size(index):
        raise damaged(f"strip {index} holds {size} of {laid.size(index)} bytes, or has no end")
    return unpack.used, size


class _Window:
    """A part of a source as a source of its own, if need be with the bits of each byte the other way round."""

    def __init__(self, source: Source, start: int, size: int, *, mirrored: bool) -> None:
        self._source = source
        self._start = start
        self.mirrored = mirrored
        self.size = size

    def read(self, offset: int, count: int) -> bytes:
        """See `Source.read`."""
        if offset < 0 or count < 0 or offset + count > self.size:
            raise damaged(f"bytes {offset} to {offset + count} of a strip of {self.size}")
        data = self._source.read(self._start + offset, count)
        return data.translate(MIRRORED) if self.mirrored else data


def _blocks(source: Source) -> Iterator[bytes]:
    for start in range(0, source.size, _STEP):
        yield source.read(start, min(_STEP, source.size - start))


__all__ = ["DEFLATE", "JPEG", "JPEG_OLD", "LZW", "RAW", "WEBP", "Layout", "Trimmer", "layout"]
