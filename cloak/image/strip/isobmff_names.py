"""What is left out of a HEIC or AVIF file, in people's words. Names only: no value leaves this module."""

import contextlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Set

from cloak.errors import PhotoError
from cloak.image import blocks, orientation
from cloak.image.strip.base import Source, Span
from cloak.image.strip.isobmff_boxes import Box, boxes
from cloak.image.strip.isobmff_items import thumbnails
from cloak.image.strip.isobmff_meta import Item, Meta, read_meta, spans
from cloak.image.strip.isobmff_properties import auxiliary

PARTS = "names of the file's parts"
SOUND = "sound"
UNUSED = "bytes that nothing uses"
DEEPER = "finer shades that few viewers show"

_LARGEST = {b"Exif": 1 << 16, b"mime": 1 << 20}  # bytes of a block that are looked into: what JPEG files can hold
_LARGEST_META = 1 << 16  # bytes of a table of items that is left out, and looked into
_MOST_BLOCKS = 8  # that are looked into
_FILLING = 1 << 20  # bytes of free space that are looked at
_CREDENTIALS = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_BOXES = {b"mpvd": blocks.MOTION, b"grpl": "groups of pictures"}
_SILENT = frozenset({b"free", b"skip", b"wide", b"dinf", b"iods"})
_PARTS = frozenset({b"", b"Color", b"Alpha", b"Exif", b"XMP", b"GMap"})
_USER_DATA = {
    **dict.fromkeys((b"\xa9xyz", b"loci"), blocks.GPS),
    **dict.fromkeys((b"\xa9mak", b"\xa9mod"), blocks.DEVICE),
    **dict.fromkeys((b"\xa9nam", b"\xa9cmt", b"\xa9des", b"titl", b"dscp"), blocks.TEXT),
    **dict.fromkeys((b"\xa9swr", b"\xa9too", b"\xa9enc"), blocks.SOFTWARE),
    **dict.fromkeys((b"\xa9ART", b"\xa9aut", b"auth", b"perf"), blocks.OWNER),
    b"\xa9day": blocks.WHEN,
    b"cprt": blocks.RIGHTS,
    b"XMP_": blocks.XMP,
}


def in_box(source: Source, box: Box) -> Iterator[str]:
    """Name what is in a box that is left out."""
    try:
        if box.kind == b"meta" and box.end - box.start < _LARGEST_META:
            yield from in_items(source, read_meta(source, box))
        elif box.kind == b"udta":
            yield "user data"
            yield from (
                _USER_DATA[child.kind] for child in boxes(source, box.body, box.end) if child.kind in _USER_DATA
            )
        elif box.kind == b"uuid" and source.read(box.body, 16) == _CREDENTIALS:
            yield blocks.CREDENTIALS
        elif box.kind in _BOXES:
            yield _BOXES[box.kind]
        elif box.kind not in _SILENT or _holds_something(source, box):
            yield f"private box ({box.name})"
    except PhotoError:
        yield f"private box ({box.name})"


def in_items(source: Source, meta: Meta, kept: Set[int] = frozenset()) -> Iterator[str]:
    """Name what is in the items that are not kept, and in the names of all of them."""
    small = thumbnails(meta)
    helpers = {number for kind, number in meta.links if kind == b"auxl"}
    mapped = _parts(meta, [number for number, item in meta.items.items() if item.kind == b"tmap"])
    deeper = _parts(meta, [number for number, item in meta.items.items() if item.kind == b"sato"])
    looked = 0
    for number, item in meta.items.items():
        if item.name not in _PARTS:
            yield PARTS
        if number in kept:
            continue
        if item.kind in _LARGEST and looked < _MOST_BLOCKS:
            looked += 1
            yield from _in_block(item, _content(source, meta, number))
        elif number in mapped:
            yield blocks.GAIN
        elif number in deeper:
            yield DEEPER
        elif number in small:
            yield blocks.THUMBNAIL
        elif number in helpers:
            yield from (auxiliary(body[4:].split(b"\0")[0]) for body in meta.owned(number, b"auxC"))
        elif item.kind:
            yield f"private item ({item.kind.decode('latin-1')})"
    for box in meta.others:
        yield from in_box(source, box)


def _in_block(item: Item, content: bytes) -> Iterator[str]:
    if item.kind == b"Exif":  # a length, then that many bytes, then the TIFF header
        yield from blocks.in_exif(memoryview(content[4 + int.from_bytes(content[:4], "big") :]))
    elif item.about.startswith(b"application/rdf+xml"):
        yield from blocks.in_xmp(memoryview(content))
    else:
        yield "private item (mime)"


def stated_orientation(source: Source, meta: Meta) -> int:
    """Which way is up by EXIF and XMP, which some programs heed where the format itself says nothing."""
    said = {b"Exif": b"", b"mime": b""}
    for number, item in list(meta.items.items())[:_MOST_BLOCKS]:
        if item.kind in said and not said[item.kind]:
            content = _content(source, meta, number)
            start = 4 + int.from_bytes(content[:4], "big") if item.kind == b"Exif" else 0
            said[item.kind] = content[start:]
    return orientation.read(said[b"Exif"], said[b"mime"])


def _parts(meta: Meta, numbers: Iterable[int]) -> set[int]:
    """Items and what they are made of."""
    found: set[int] = set()
    waiting = list(numbers)
    while waiting:
        number = waiting.pop()
        if number not in found:
            found.add(number)
            waiting += meta.links.get((b"dimg", number), ())
    return found


def used(source: Source, meta: Meta) -> Iterator[Span]:
    """Where the bytes of all items lie, as far as they can be found."""
    for number in meta.items:
        with contextlib.suppress(PhotoError):
            yield from spans(source, meta, number)


def has_gaps(stores: Iterable[Box], uses: Iterable[Span]) -> bool:
    """Whether there are bytes in the `mdat` boxes that nothing uses."""
    merged: list[Span] = []
    for span in sorted(uses, key=lambda span: span.start):
        if merged and span.start <= merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    starts = [span.start for span in merged]
    for box in stores:
        index = bisect_right(starts, box.body) - 1
        if box.body < box.end and (index < 0 or merged[index].end < box.end):
            return True
    return False


def _content(source: Source, meta: Meta, number: int) -> bytes:
    """As much of an item as is worth looking into; nothing where it cannot be found."""
    try:
        places = spans(source, meta, number)
    except PhotoError:
        return b""
    content = b""
    for span in places[:100]:
        content += source.read(span.start, min(len(span), _LARGEST[meta.items[number].kind] - len(content)))
    return content


def _holds_something(source: Source, box: Box) -> bool:
    return box.kind in {b"free", b"skip"} and any(source.read(box.body, min(box.end - box.body, _FILLING)))
