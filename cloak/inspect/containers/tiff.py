"""TIFF: an EXIF block with pixels in it, and whatever lies between and behind these.

Of strips that a fax coded, or that are files of their own (JPEG, WebP), it is not told what lies in them behind the
pixels; nor of large ones coded with LZW, which take seconds to follow. Nor is it told of bytes between the parts of a
camera's raw file, or of one with a maker's notes: those refer to places that only their maker knows.
"""

import contextlib

from cloak.errors import PhotoError
from cloak.image.buffers import Buffer
from cloak.image.strip.base import Memory, Source
from cloak.image.strip.fax import CODED
from cloak.image.strip.tiff_read import WIDTHS, Directory, directories
from cloak.image.strip.tiff_read import read as read_directory
from cloak.image.strip.tiff_strips import JPEG, JPEG_OLD, LZW, RAW, WEBP, Layout, Trimmer, layout
from cloak.inspect import after, exif, unused
from cloak.inspect.finding import Notes
from cloak.inspect.unused import Span

_STRIPS, _TILES, _JPEG_FILE = (273, 279), (324, 325), (513, 514)
_POINTERS = (330, 34665, 34853, 40965)
_PRIVATE = frozenset({37500, 50740, 50706, 33421, 33422, 33424, 34310})
"""Makers' notes, DNG, colour filters, directories of Kodak and Leaf."""
_OLD_JPEG = frozenset({519, 520, 521})
_MOST_DIRECTORIES = 1000
_MOST, _MOST_LZW = 1 << 26, 1 << 20  # bytes of coded pixels, which may be eight times as many
_TIMES = 8
_HEADS, _SHORT = (b"II*\0", b"MM\0*"), 64
_LONG = frozenset({*_STRIPS, *_TILES, *_POINTERS})


def read(data: Buffer, notes: Notes) -> None:
    """Say what a TIFF says."""
    exif.read(memoryview(data), notes, source="TIFF", container=True)
    with contextlib.suppress(PhotoError):  # what cannot be followed was told by what reads the tags
        _unused(data, notes)


def _unused(data: Buffer, notes: Notes) -> None:
    source = Memory(data)
    found = _all(source)
    with Trimmer(source) as trimmer:
        count = _behind(found, source, trimmer)
    if found and not any((_PRIVATE | _OLD_JPEG) & set(one.entries) for one in found):
        spans = [(0, found[0].form.inline * 2), *(span for directory in found for span in _spans(directory))]
        spans.sort()
        end = max(last for _, last in spans)
        gaps = unused.gaps(data, 0, min(end, len(data)), spans)
        count += sum(stop - start for start, stop in gaps if not _is_head(data[start : min(stop, start + _SHORT)]))
        if end < len(data):
            after.read(data, end, notes, padding=False)
    unused.tell(count, notes)


def _is_head(gap: bytes) -> bool:
    """Whether a gap is but the head of a page that was a file of its own: Pillow leaves it where it joins several."""
    inside = gap.strip(b"\0")
    return len(inside) <= 8 and len(gap) < _SHORT and inside.startswith(_HEADS)


def _all(source: Source) -> list[Directory]:
    """All directories, whatever points at them; none of a file that is made to waste time."""
    found = directories(source)[1]
    seen = {directory.offset for directory in found}
    budget = _TIMES * source.size
    for directory in found:  # which grows meanwhile
        budget -= directory.own + sum(directory.entries[tag].count * 4 for tag in _LONG & set(directory.entries))
        if budget < 0 or len(found) > _MOST_DIRECTORIES:
            return []
        for at in [*(offset for tag in _POINTERS for offset in directory.integers(tag)), directory.following]:
            if at and at not in seen:
                seen.add(at)
                found.append(read_directory(source, directory.form, at))
    return found


def _spans(directory: Directory) -> list[Span]:
    """What a directory refers to, and it itself."""
    found = [(directory.offset, directory.offset + directory.own)]
    for entry in directory.entries.values():
        found.append((entry.offset, entry.offset + entry.count * WIDTHS.get(entry.kind, 0)))
    for places, sizes in (_STRIPS, _TILES, _JPEG_FILE):
        starts, lengths = directory.integers(places), directory.integers(sizes)
        found += [(start, start + length) for start, length in zip(starts, lengths, strict=False)]
    if _STRIPS[0] in directory.entries or _TILES[0] in directory.entries:
        with contextlib.suppress(PhotoError):
            found += _stated(directory)
    return found


def _stated(directory: Directory) -> list[Span]:
    """The strips of pixels that are not coded, as long as they have to be: some writers state less, or nothing."""
    laid = layout(directory)
    places, sizes = _TILES if _TILES[0] in directory.entries else _STRIPS
    starts = directory.integers(places)[: laid.count]
    if laid.compression == RAW:
        return [(start, start + laid.size(index)) for index, start in enumerate(starts)]
    if not directory.integers(sizes):
        return [(start, directory.source.size) for start in starts]
    return []


def _behind(found: list[Directory], source: Memory, trimmer: Trimmer) -> int:
    """Bytes in strips behind the end of their pixels."""
    count, left = 0, source.size
    for directory in found:
        with contextlib.suppress(PhotoError):
            laid = layout(directory)
            places, sizes = _TILES if _TILES[0] in directory.entries else _STRIPS
            strips = list(zip(directory.integers(places), directory.integers(sizes), strict=False))[: laid.count]
            left -= sum(size for _, size in strips)
            if left < 0 or not _followed(laid, sum(size for _, size in strips)):
                continue
            for index, (start, size) in enumerate(strips):
                used = sum(map(len, trimmer.trim(laid, index, start, size))) if size else 0
                if used < size and unused.filled(source.data, start + used, start + size):
                    count += size - used
    return count


def _followed(laid: Layout, coded: int) -> bool:
    if laid.compression == RAW:
        return True
    pixels = sum(laid.size(index) for index in range(laid.count))
    most = _MOST_LZW if laid.compression == LZW else _MOST
    return laid.compression not in {JPEG, JPEG_OLD, WEBP} | CODED and max(coded, pixels // 8) <= most
