"""Rewrite a TIFF file around its pages: tags by allow-list, each with a value of its exact form, pixels as they are.

Pages of reduced resolution are thumbnails and go. Pixels end where the page does: what follows in a strip is left out.
Where a fax's way of coding does not say where that is, they are coded anew by deflate, which does.

Source: TIFF 6.0; Adobe, TIFF Technical Notes; ICC.1:2022, annex B.3 (profiles).
"""

import struct
from dataclasses import dataclass, field, replace

from cloak.errors import UnsupportedPhotoError
from cloak.image import blocks, orientation, profiles
from cloak.image.strip import tiff_values
from cloak.image.strip.base import Keep, Masked, Piece, Plan, Source, merged
from cloak.image.strip.fax import GROUP4
from cloak.image.strip.finder import behind
from cloak.image.strip.tiff_jpeg import Tables
from cloak.image.strip.tiff_names import names
from cloak.image.strip.tiff_place import ACROSS, DOWN, LEFT, TOP, UNIT, place, shape
from cloak.image.strip.tiff_read import Directory, damaged, directories, pointed_at
from cloak.image.strip.tiff_strips import DEFLATE, JPEG, JPEG_OLD, Layout, Trimmer, layout
from cloak.image.strip.tiff_write import STRIPS, TILES, Page, assemble

_SHORT, _LONG, _RATIONAL, _UNDEFINED = 3, 4, 5, 7
_SUBFILE, _OLD_SUBFILE, _BITS, _COMPRESSION, _PHOTOMETRIC, _ORIENTATION, _COLOURS = 254, 255, 258, 259, 262, 274, 320
_DENSITY = (ACROSS, DOWN, UNIT)
_NO_UNIT, _PALETTE = 1, 3
_SUB_DIRECTORIES = 330
_POINTERS = (_SUB_DIRECTORIES, 34665, 34853)
_OLD_START, _OLD_SIZE = 513, 514
_TABLES, _PROFILE = 347, 34675
_REDUCED, _MASK = 1, 4
_INTEGERS = {
    **dict.fromkeys((_COMPRESSION, _PHOTOMETRIC, 266, 277, 284, 317, 332, 334, 531), (_SHORT, 1)),
    **dict.fromkeys((256, 257, 278, 292, 293, 322, 323), (_LONG, 1)),
    **dict.fromkeys((_BITS, 338, 339), (_SHORT, 0)),
    530: (_SHORT, 2),
}
"""Tags whose values are integers: type that is written, and how many; 0 for one of each sample."""
_RATIOS = {318: 2, 319: 6, 529: 3, 532: 6}
"""Tags that describe colours by fractions, and how many."""
_OF_THE_CODE = (266, 292, 293, 317)
"""Tags that say more about how pixels are coded: order of bits, options of a fax, differences between neighbours."""
_RAW_PHOTOS = frozenset({32803, 34892})
_RAW_TAGS = frozenset({50706, 33421, 33422, 50752})
"""Version of DNG, colour filter and its size, Canon's slices."""
_RAW_HEADER = b"II*\0\x10\0\0\0CR"
"""Of Canon's raw files, in which all that TIFF readers see is previews."""
_LARGEST = 1 << 24  # bytes of a profile or of tables


@dataclass(slots=True)
class _File:
    """What is known while pages are read, one after the other.

    Attributes:
        source: the file.
        order: "<" or ">".
        keep: what may stay.
        trimmer: finds the ends of strips.
        removed: names of what is left out.
        kept: names of what stays beside the picture.
        end: offset after the last byte that a page refers to.
        left: bytes that may still be written: strips that overlap would multiply.
        layered: whether there are several pages, which may lie somewhere on each other.
    """

    source: Source
    order: str
    keep: Keep
    trimmer: Trimmer
    removed: set[str] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)
    end: int = 0
    left: int = 0
    layered: bool = False

    def pack(self, kind: int, *numbers: int) -> tuple[int, int, bytes]:
        """Numbers as the value of a tag: type, count, bytes."""
        code, most = ("H", 0xFFFF) if kind == _SHORT else ("I", 0xFFFFFFFF)
        if any(not 0 <= number <= most for number in numbers):
            raise damaged(f"a number out of range among {numbers[:9]}")
        count = len(numbers) // 2 if kind == _RATIONAL else len(numbers)
        return kind, count, struct.pack(f"{self.order}{len(numbers)}{code}", *numbers)


def plan(source: Source, keep: Keep) -> Plan:
    """Decide what the new file consists of.

    Raises:
        UnreadablePhotoError: truncated, damaged, or without a picture.
        UnsupportedPhotoError: a camera's raw file, pixels coded in a way that we do not follow, or a profile that
            cannot be rewritten (see `cloak.image.profiles`).
        TooLargeError: more pixels than can be checked, or more bytes than a TIFF file can have.
    """
    order, found = directories(source)
    if not found:
        raise damaged("no picture in it")
    with Trimmer(source) as trimmer:
        file = _File(source, order, keep, trimmer, left=2 * source.size)
        full = _full(found, file)
        file.layered = len(full) > 1
        pages = [_page(directory, file) for directory in full]
    file.removed |= file.trimmer.removed | ({blocks.STRAY} if file.trimmer.hidden else set())
    if not any(tag in directory.entries for directory in found for tag in _POINTERS):
        file.end = max([file.end, *(directory.end for directory in found)])
        file.removed.update(behind(source, file.end))
    pieces = assemble(pages, order)
    return Plan(tuple(merged(pieces)), tuple(file.removed), tuple(sorted(file.kept)), file.trimmer.notes)


def _full(found: list[Directory], file: _File) -> list[Directory]:
    """The directories that are pages: not those of thumbnails, or without a picture."""
    raw = file.source.size > len(_RAW_HEADER) and file.source.read(0, len(_RAW_HEADER)) == _RAW_HEADER
    seen: set[int] = set()
    inner = [directory for each in found for directory in pointed_at(each, _SUB_DIRECTORIES, seen)]
    raw = raw or max(map(_area, inner), default=0) > max(map(_area, found))
    for directory in (*found, *inner):
        if raw or _RAW_TAGS & set(directory.entries) or directory.integer(_PHOTOMETRIC, 0) in _RAW_PHOTOS:
            raise UnsupportedPhotoError("TIFF: a camera's raw file (or DNG) is not supported: convert it to JPEG first")
    pages, small = [], []
    for number, directory in enumerate(found):
        if not {256, 257} <= set(directory.entries):
            if not number:
                raise damaged("no picture in its first directory")
            file.removed.update(names(directory, directory.entries))
            file.removed.add("a directory without a picture")
        elif _is_reduced(directory) or (number and directory.integer(_COMPRESSION, 1) == JPEG_OLD):
            small.append(directory)
        else:
            pages.append(directory)
    if not pages and any(_SUB_DIRECTORIES in directory.entries for directory in found):
        raise UnsupportedPhotoError("TIFF: it holds only thumbnails and what they refer to: convert it to PNG first")
    if not pages:
        return small
    for directory in small:
        file.removed.add(blocks.THUMBNAIL)
        offsets, sizes = (directory.integers(tag) for tag in STRIPS)
        file.end = max([file.end, *(sum(pair) for pair in zip(offsets, sizes, strict=False))])
    return pages


def _area(directory: Directory) -> int:
    """Pixels of a page; what it refers to is larger in raw files alone."""
    return directory.integer(256, 0) * directory.integer(257, 0)


def _is_reduced(directory: Directory) -> bool:
    return bool(directory.integer(_SUBFILE, 0) & _REDUCED) or directory.integer(_OLD_SUBFILE, 0) == 2


def _page(directory: Directory, file: _File) -> Page:
    page = Page(arrays=TILES if TILES[0] in directory.entries else STRIPS)
    laid = layout(directory)
    if laid.compression == JPEG_OLD and (laid.count != 1 or page.arrays == TILES or not _is_one_file(directory)):
        raise UnsupportedPhotoError("TIFF: JPEG of the old kind, in pieces: save it as another kind first")
    samples = directory.integer(277, 4)
    for tag, (kind, count) in _INTEGERS.items():
        if numbers := tiff_values.integers(directory, tag):
            page.values[tag] = file.pack(kind, *numbers[: count or samples])
    for tag, count in _RATIOS.items():
        if numbers := tiff_values.fractions(directory, tag, count):
            page.values[tag] = file.pack(_RATIONAL, *numbers)
    page.values[_SUBFILE] = file.pack(_LONG, directory.integer(_SUBFILE, 0) & _MASK)
    if directory.integer(_PHOTOMETRIC, 0) == _PALETTE:
        colours = directory.integers(_COLOURS)
        if len(colours) != 3 << (bits := directory.integer(_BITS, 1)):
            raise damaged(f"a palette of {len(colours)} numbers for {bits} bits")
        page.values[_COLOURS] = file.pack(_SHORT, *colours)
    tables = None
    if laid.compression == JPEG and _TABLES in directory.entries:
        tables = Tables(directory.raw(_TABLES, _LARGEST))
    _orientation(directory, page, file)
    _resolution(directory, page, file)
    _profile(directory, page, file)
    _strips(directory, replace(laid, tables=tables), page, file)
    if tables and (content := tables.written()):
        page.values[_TABLES] = _UNDEFINED, len(content), content
    gone = (
        set(directory.entries)
        - set(page.values)
        - {*page.arrays, *_OF_THE_CODE, _SUBFILE, _ORIENTATION, _PROFILE, _OLD_START, _OLD_SIZE, *_DENSITY}
    )
    file.removed.update(names(directory, gone))
    return page


def _is_one_file(directory: Directory) -> bool:
    """Whether a page of the old kind of JPEG is a complete file in its only strip."""
    start = directory.integer(STRIPS[0], 0)
    return directory.integer(_OLD_START, start) == start and directory.source.read(start, 2) == b"\xff\xd8"


def _orientation(directory: Directory, page: Page, file: _File) -> None:
    """Keep which way is up; upright goes without saying."""
    stated = directory.integer(_ORIENTATION, orientation.UPRIGHT)
    if stated in orientation.ORIENTATIONS and stated != orientation.UPRIGHT:
        if file.keep.orientation:
            page.values[_ORIENTATION] = file.pack(_SHORT, stated)
            file.kept.add("orientation")
        else:
            file.removed.add(blocks.ORIENTATION)


def _resolution(directory: Directory, page: Page, file: _File) -> None:
    """Keep of a resolution the shape of a pixel, and where a layer lies, which is told by means of it."""
    edges, corner = shape(directory), place(directory) if file.layered else (0, 0)
    written: dict[int, tuple[tuple[int, int], ...]] = {}
    if edges != (1, 1) or any(corner):
        written = {tag: ((edge, 1),) for tag, edge in zip((ACROSS, DOWN), edges, strict=True)}
        page.values[UNIT] = file.pack(_SHORT, _NO_UNIT)
    if any(corner):
        written |= {tag: ((at, edge),) for tag, at, edge in zip((LEFT, TOP), corner, edges, strict=True)}
    page.values |= {tag: file.pack(_RATIONAL, *ratio) for tag, (ratio,) in written.items()}
    stated = {tag: directory.ratios(tag) for tag in (ACROSS, DOWN) if tag in directory.entries}
    if stated and (stated != {tag: written.get(tag) for tag in (ACROSS, DOWN)} or directory.integer(UNIT, 2) != 1):
        file.removed.add(blocks.RESOLUTION)


def _profile(directory: Directory, page: Page, file: _File) -> None:
    if _PROFILE not in directory.entries:
        return
    tidied = profiles.REMOVED
    if file.keep.profile:
        tidied = profiles.tidy(directory.raw(_PROFILE, _LARGEST))
    file.removed.update(tidied.removed)
    file.kept.update(tidied.kept)
    if tidied.profile:
        page.values[_PROFILE] = _UNDEFINED, len(tidied.profile), tidied.profile


def _strips(directory: Directory, laid: Layout, page: Page, file: _File) -> None:
    offsets, sizes = (directory.integers(tag) for tag in page.arrays)
    if not sizes and (laid.compression == 1 or laid.count == len(offsets) == 1):  # some writers leave them out
        sizes = (0,) * len(offsets) if laid.compression == 1 else (file.source.size - offsets[0],)
    if laid.count > min(len(offsets), len(sizes)):
        raise damaged(f"{laid.count} strips or tiles, {len(offsets)} offsets and {len(sizes)} sizes of them")
    file.trimmer.hidden |= len(offsets) > laid.count
    if laid.compression == GROUP4 and not file.trimmer.end(laid, offsets, sizes):
        laid = replace(laid, anew=True)
    if laid.anew:
        page.values[_COMPRESSION] = file.pack(_SHORT, DEFLATE)
        page.values = {tag: value for tag, value in page.values.items() if tag not in _OF_THE_CODE}
    known: dict[tuple[int, int], tuple[Piece, ...]] = {}
    for index in range(laid.count):
        key = (offsets[index], 4 * (sizes[index] or -laid.size(index)) + laid.key(index))
        if key[0] == sizes[index] == 0:  # nothing there, for readers that allow it
            page.strips.append(((0, 0), ()))
            continue
        if key not in known:
            known[key] = file.trimmer.trim(laid, index, offsets[index], sizes[index])
            file.left -= 0 if laid.anew else sum(len(piece) for piece in known[key])
            if file.left < 0:
                raise damaged("strips that overlap")
        place = key if isinstance(known[key][0], Masked) else (key[0], key[1] & ~3)
        page.strips.append((place, known[key]))
        file.end = max(file.end, offsets[index] + max(sizes[index], laid.size(index) if laid.compression == 1 else 0))
