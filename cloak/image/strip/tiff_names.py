"""Name what the tags say that a TIFF file loses."""

import struct
from collections.abc import Iterable, Iterator

from cloak.image import blocks
from cloak.image.strip.tiff_read import Directory, pointed_at

_EXIF, _GPS, _SUB = 0x8769, 0x8825, 0x014A
_LOOKED_AT = 1 << 20  # bytes of a block in which names are looked for
_BLOCKS = {0x02BC: blocks.in_xmp, 0x83BB: blocks.in_iptc, 0x8649: blocks.in_photoshop}
_FIRST_PRIVATE = 0x8000
_HINTS = frozenset({263, 264, 265, 280, 281, 288, 289, 290, 291, 297, 301, 321, 326, 327, 328, 333, 336, 340, 341, 255})


def names(directory: Directory, tags: Iterable[int]) -> Iterator[str]:
    """Names of what tags of a directory say, in people's words; no value leaves this module."""
    tags = set(tags)
    known: set[int] = set()
    for tag, name in _BLOCKS.items():
        if tag in tags and directory.has(tag):
            yield from name(memoryview(directory.raw(tag, _LOOKED_AT)))
            known.add(tag)
    if _SUB in tags:
        yield blocks.THUMBNAIL
    inner = {}
    for tag in (_EXIF, _GPS):
        if tag in tags:
            inner[tag] = [entry for found in pointed_at(directory, tag) for entry in found.entries]
            yield blocks.EXIF if tag == _EXIF else blocks.GPS
    known |= {*inner, _SUB}
    rest = tags - known
    yield from blocks.in_tiff(memoryview(_block(rest, inner)))
    for tag in rest:
        if not any(blocks.in_tiff(memoryview(_block({tag}, {})))):
            yield "hints for printers" if tag in _HINTS else "private tags" if tag >= _FIRST_PRIVATE else "other tags"


def _block(tags: Iterable[int], inner: dict[int, list[int]]) -> bytes:
    """A TIFF block with these tags, without their values: names depend on tags alone."""
    main = [(tag, 0) for tag in sorted(tags)]
    offset = 8 + 6 + 12 * (len(main) + len(inner))
    body = b""
    for tag, below in inner.items():
        main.append((tag, offset + len(body)))
        body += _directory([(number, 0) for number in below])
    return b"MM\0*\0\0\0\x08" + _directory(main) + body


def _directory(entries: list[tuple[int, int]]) -> bytes:
    table = b"".join(struct.pack(">HHII", tag, 4, int(offset > 0), offset) for tag, offset in entries)
    return struct.pack(">H", len(entries)) + table + bytes(4)


__all__ = ["names"]
