"""What a TIFF file may consist of."""

from math import gcd

from cloak.errors import ResidueError
from cloak.image.buffers import Buffer
from cloak.image.clean_profile import is_clean
from cloak.image.scan.tiff_pixels import check_strips, strips
from cloak.image.structure import Cursor, Directory, StructureError, tiff_directory, tiff_order

_SHORT, _LONG, _RATIONAL, _UNDEFINED = 3, 4, 5, 7
_SUBFILE, _BITS, _COMPRESSION, _PHOTOMETRIC, _ORIENTATION, _COLOURS, _UNIT = 254, 258, 259, 262, 274, 320, 296
_DENSITY, _PLACE, _TABLES, _PROFILE, _SUBSAMPLING = (282, 283), (286, 287), 347, 34675, 530
_ARRAYS = frozenset({273, 279, 324, 325})
_NUMBERS = frozenset(
    {_SUBFILE, _COMPRESSION, _PHOTOMETRIC, _ORIENTATION, _UNIT}
    | {256, 257, 266, 277, 278, 284, 293, 317, 322, 323, 332, 334, 531}
)
_PER_SAMPLE = frozenset({_BITS, 338, 339})  # bits, kinds of extra samples, formats
_FRACTIONS = {282: 1, 283: 1, 286: 1, 287: 1, 318: 2, 529: 3, 532: 6}
_PALETTE, _JPEG, _MASK = 3, 7, 4
_CODES = {4: {293: {0, 2}}, **{code: {317: {1, 2, 3}} for code in (5, 8, 32946, 34925)}}
"""Tags that say more of how pixels are coded, by what they are coded with, and what they may say."""
_NUMBER: set[int] = set()  # any
_SPACES = {
    5: {332: {1, 2}, 334: _NUMBER},
    6: {530: {1, 2, 4}, 531: {1, 2}, 529: _NUMBER, 532: _NUMBER},
    **{space: {318: _NUMBER} for space in (8, 9)},
}
"""Tags that say more of colours, by what the colours are, and what they may say."""
_OPTIONAL = frozenset({293, 317, 318, 332, 334, 529, 530, 531, 532})
_ALWAYS = {266: {1, 2}, 284: {1, 2}, 338: {0, 1, 2}, 339: {1, 2, 3, 4, 5, 6}}
_FARTHEST = 1 << 20  # pixels that a layer may be moved by


def scan(data: Buffer) -> None:
    """Check a TIFF file: pages of structural tags, strips that hold the pictures exactly, no byte without a use.

    Out of its sight: rows behind the last one in a strip that is coded as by a fax, before the code that ends it.

    Raises:
        ResidueError: anything else is in it.
        StructureError: its directories cannot be followed.
    """
    with memoryview(data) as view:
        little, offset = tiff_order(view)
        spans, pages, seen = [(0, 8)], [], set()
        while offset:
            if offset in seen or len(spans) * 4 > len(data):
                raise ResidueError("TIFF: pages in a circle, or more parts than bytes")
            seen.add(offset)
            page = tiff_directory(view, offset, little=little)
            _check_tags(data, page)
            found = strips(page)
            spans += [(page.start, page.end), *(entry.span for entry in page.entries if entry.span[1]), *found]
            pages.append((page, found))
            offset = page.following
        _check_coverage(data, spans)  # so that nothing is looked at twice
        for page, found in pages:
            check_strips(data, page, found)


def _check_tags(data: Buffer, directory: Directory) -> None:
    tags = [entry.tag for entry in directory.entries]
    if tags != sorted(set(tags)):
        raise ResidueError("TIFF: a tag is there twice, or not in its place")
    for number, entry in enumerate(directory.entries):
        if not _is_known(directory, entry.tag, entry.kind, len(entry.value)):
            raise ResidueError(f"TIFF: tag {entry.tag} ({len(entry.value)} bytes) is not structural")
        start = directory.start + 2 + 12 * number + 8
        if not entry.span[1] and any(data[start + len(entry.value) : start + 4]):
            raise ResidueError(f"TIFF: bytes behind the value of tag {entry.tag}")
    _check_values(directory)


def _is_known(directory: Directory, tag: int, kind: int, size: int) -> bool:
    if tag in _NUMBERS:
        return (kind, size) in {(_SHORT, 2), (_LONG, 4)}
    if tag in _PER_SAMPLE:
        samples = (directory.integers(277) or (4,))[0]
        return kind == _SHORT and 0 < size <= 2 * samples
    if tag in _FRACTIONS:
        return kind == _RATIONAL and size == 8 * _FRACTIONS[tag]
    if tag == _SUBSAMPLING:
        return (kind, size) == (_SHORT, 4)
    if tag == _COLOURS:
        bits = directory.integers(_BITS)[:1]
        return kind == _SHORT and bits in {(1,), (2,), (4,), (8,), (16,)} and size == 6 << bits[0]
    return (tag in _ARRAYS and kind in {_SHORT, _LONG}) or (tag in {_TABLES, _PROFILE} and kind in {1, _UNDEFINED})


def _check_values(directory: Directory) -> None:
    """Check those values that could say more than how pixels are stored."""
    tags = {entry.tag: entry for entry in directory.entries}
    if _PROFILE in tags and not is_clean(tags[_PROFILE].value):
        raise ResidueError("TIFF: a colour profile that is not ours")
    if _TABLES in tags and directory.integers(_COMPRESSION) != (_JPEG,):
        raise ResidueError("TIFF: JPEG tables for pixels that are none")
    if (_COLOURS in tags) != (directory.integers(_PHOTOMETRIC) == (_PALETTE,)):
        raise ResidueError("TIFF: a palette that nothing uses, or none where one is needed")
    if directory.integers(_SUBFILE) not in {(), (0,), (_MASK,)}:
        raise ResidueError("TIFF: a thumbnail, or a page with flags that we do not know")
    if directory.integers(_ORIENTATION) not in {(), *((number,) for number in range(1, 9))}:
        raise ResidueError("TIFF: an orientation that is none")
    _check_meaning(directory)
    if {*_DENSITY, *_PLACE, _UNIT} & set(tags):
        _check_resolution(directory)


def _check_meaning(directory: Directory) -> None:
    """Check that tags about code and colours go with them, and say what there is to say."""
    code = (directory.integers(_COMPRESSION) or (1,))[0]
    space = (directory.integers(_PHOTOMETRIC) or (0,))[0]
    said = {**_CODES.get(code, {}), **_SPACES.get(space, {}), **_ALWAYS}
    for entry in directory.entries:
        allowed = said.get(entry.tag)
        if entry.tag in _OPTIONAL - set(said) or (allowed and not allowed.issuperset(directory.integers(entry.tag))):
            raise ResidueError(f"TIFF: tag {entry.tag} says what nothing heeds")
    samples, rows = (directory.integers(277) or (1,))[0], directory.integers(278)
    if directory.integers(334) > (samples,) or (
        rows and (directory.find(322) or not 0 < rows[0] <= _height(directory))
    ):
        raise ResidueError("TIFF: more inks than samples, or rows of strips where there are none")
    for tag, unit, most in ((318, 10_000, 10_000), (529, 10_000, 10_000), (532, 1, 65_535)):
        found = directory.find(tag)
        cursor = Cursor(found.value if found else memoryview(b""), little=directory.little)
        while cursor.left:
            if cursor.uint(4) > most or cursor.uint(4) != unit:
                raise ResidueError(f"TIFF: tag {tag} holds other fractions than we write")


def _height(directory: Directory) -> int:
    return (directory.integers(257) or (0,))[0]


def _check_resolution(directory: Directory) -> None:
    """Check that a resolution says but the shape of a pixel, and a position by how many pixels a layer is moved."""
    entries = {entry.tag: entry for entry in directory.entries}
    numbers = [
        Cursor(entries[tag].value[start:], little=directory.little).uint(4) if tag in entries else 0
        for tag in (*_DENSITY, *_PLACE)
        for start in (0, 4)
    ]
    across, one, down, another, left, over, top, under = numbers
    moved = left or top
    neutral = 0 < across <= 20 and 0 < down <= 20 and gcd(across, down) == 1 and (across != down or moved)
    if not neutral or (one, another) != (1, 1) or directory.integers(_UNIT) != (1,):
        raise ResidueError("TIFF: a resolution that says more than the shape of a pixel")
    if (over, under) != ((across, down) if moved else (0, 0)) or max(left, top) > _FARTHEST:
        raise ResidueError("TIFF: a position that is not one in whole pixels")


def _check_coverage(data: Buffer, spans: list[tuple[int, int]]) -> None:
    position = 0
    for start, end in sorted(spans):
        if start < position or start > position + 1 or any(data[position:start]):  # values start at even offsets
            raise ResidueError(f"TIFF: bytes around offset {position} are used twice or by nothing")
        position = end
    if position > len(data):
        raise StructureError(f"TIFF: {position - len(data)} bytes are missing")
    if position != len(data):
        raise ResidueError(f"TIFF: {len(data) - position} bytes that nothing refers to")


__all__ = ["scan"]
