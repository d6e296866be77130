"""What a TIFF file may consist of."""

import zlib

from cloak.errors import ResidueError
from cloak.image.icc import DISPLAY_P3
from cloak.image.structure import Directory, StructureError, tiff_directory, tiff_order

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _SAMPLES, _ROWS = 256, 257, 258, 259, 277, 278
_OFFSETS, _COUNTS, _PROFILE = 273, 279, 34675
_NUMBERS = frozenset({_WIDTH, _HEIGHT, _COMPRESSION, _SAMPLES, _ROWS, 254, 262, 266, 274, 284, 317})
_PER_SAMPLE = frozenset({_BITS, 338, 339})  # bits, kinds of extra samples, formats
_INTEGERS = frozenset({3, 4})
_DEFLATE, _RAW = 8, 1


def scan(data: bytes) -> None:
    """Check a TIFF file: one directory of structural tags, strips that hold the picture exactly, no byte without a use.

    Raises:
        ResidueError: anything else is in it.
        StructureError: its directory cannot be followed.
    """
    view = memoryview(data)
    little, offset = tiff_order(view)
    directory = tiff_directory(view, offset, little=little)
    if directory.following:
        raise ResidueError("TIFF: more than one directory")
    for entry in directory.entries:
        _check(directory, entry.tag, entry.kind, len(entry.value))
        if entry.tag == _PROFILE and entry.value != DISPLAY_P3:
            raise ResidueError("TIFF: a colour profile other than the canonical one")
    tags = [entry.tag for entry in directory.entries]
    if len(set(tags)) != len(tags):
        raise ResidueError("TIFF: a tag is there twice")
    strips = _strips(directory, len(data))
    _check_pixels(directory, [view[start:end] for start, end in strips])
    values = [entry.span for entry in directory.entries if entry.span[1]]
    _check_coverage(data, [(0, 8), (directory.start, directory.end), *values, *strips])


def _check(directory: Directory, tag: int, kind: int, size: int) -> None:
    samples = (directory.integers(_SAMPLES) or (1,))[0]
    known = (
        (tag in _NUMBERS and kind in _INTEGERS and size == (2 if kind == 3 else 4))
        or (tag in _PER_SAMPLE and kind == 3 and size <= 2 * min(samples, 8))
        or (tag in {_OFFSETS, _COUNTS} and kind in _INTEGERS)
        or tag == _PROFILE
    )
    if not known:
        raise ResidueError(f"TIFF: tag {tag} ({size} bytes) is not structural")


def _strips(directory: Directory, length: int) -> list[tuple[int, int]]:
    offsets, counts = directory.integers(_OFFSETS), directory.integers(_COUNTS)
    if not offsets or len(offsets) != len(counts):
        raise ResidueError("TIFF: strips without their sizes")
    strips = [(start, start + size) for start, size in zip(offsets, counts, strict=True)]
    if any(end > length for _, end in strips):
        raise StructureError("a strip lies outside the file")
    return strips


def _check_pixels(directory: Directory, strips: list[memoryview]) -> None:
    numbers = [directory.integers(tag) for tag in (_WIDTH, _HEIGHT, _ROWS, _COMPRESSION)]
    bits = set(directory.integers(_BITS))
    if not all(numbers) or bits != {8} or directory.integers(284) not in {(), (1,)}:
        raise ResidueError("TIFF: a layout that we do not write")
    width, height, rows, compression = (number[0] for number in numbers)
    samples = (directory.integers(_SAMPLES) or (1,))[0]
    if not rows or len(strips) != -(-height // rows) or compression not in {_RAW, _DEFLATE}:
        raise ResidueError("TIFF: a layout that we do not write")
    for index, strip in enumerate(strips):
        expected = min(rows, height - index * rows) * width * samples
        if (_inflated(strip, expected) if compression == _DEFLATE else len(strip)) != expected:
            raise ResidueError(f"TIFF: strip {index} does not end where the picture does")


def _inflated(strip: memoryview, expected: int) -> int:
    inflate = zlib.decompressobj()
    try:
        size = len(inflate.decompress(strip, expected + 1))
        if not inflate.eof and size == expected:
            size += len(inflate.decompress(inflate.unconsumed_tail, 1))  # the checksum may still be unread
    except zlib.error as error:
        raise StructureError(f"a strip cannot be inflated ({error})") from None
    return size if inflate.eof and not inflate.unused_data else -1


def _check_coverage(data: bytes, spans: list[tuple[int, int]]) -> None:
    position = 0
    for start, end in sorted(spans):
        gap = data[position:start]
        if start < position or len(gap) > 1 or any(gap):  # values start at even offsets
            raise ResidueError(f"TIFF: bytes around offset {position} are used twice or by nothing")
        position = end
    if position != len(data):
        raise ResidueError(f"TIFF: {len(data) - position} bytes that nothing refers to")
