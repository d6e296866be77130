"""TIFF pages of JPEG strips: none is larger than its part of the page, and shared tables are used, each once."""

import struct

import pytest

from cloak.errors import ResidueError, UnreadablePhotoError
from cloak.image.scan import scan
from cloak.image.scan.tiff_jpeg import check_tables
from cloak.image.structure import StructureError

from .contract import frames, stripped
from .dirty import SECRET, jpeg, scene, segment
from .tiff_files import BYTES, HEIGHT, SHORT, WIDTH, page, tiff, values

JPEG = jpeg(scene(WIDTH, HEIGHT), subsampling="4:4:4")
HALF = jpeg(scene(WIDTH, HEIGHT)[: HEIGHT // 2], subsampling="4:4:4")
HIDDEN = (SECRET * 26)[:255]


def halves():
    """Tables that two strips share, and these strips without them."""
    tables, bare = b"", HALF[:2]
    position = 2
    while HALF[position + 1] != 0xDA:
        size = 2 + int.from_bytes(HALF[position + 2 : position + 4], "big")
        part = HALF[position : position + size]
        position += size
        if part[1] in {0xDB, 0xC4}:
            tables += part
        else:
            bare += part if part[1] != 0xE0 else b""
    return tables, bare + HALF[position:]


TABLES, STRIP = halves()


def shared(tables, strip=STRIP):
    tags = page(t259=values(SHORT, 7), t262=values(SHORT, 6), t530=values(SHORT, 1, 1), t278=values(SHORT, HEIGHT // 2))
    return tiff((tags | {347: (BYTES, b"\xff\xd8" + tables + b"\xff\xd9")}, [strip, strip]))


CLEAN = stripped(shared(TABLES))[0]


def test_tables_that_are_used_stay():
    assert frames(CLEAN) == frames(shared(TABLES))
    assert stripped(CLEAN)[0] == CLEAN


@pytest.mark.parametrize(
    "more",
    [
        segment(0xDD, b"\0\0"),
        segment(0xDD, SECRET),
        segment(0xFE, SECRET),
        segment(0xDB, b"\3" + HIDDEN[:64]),
        segment(0xDB, b"\x13" + HIDDEN[:128]),
        segment(0xC4, b"\x13" + bytes(15) + b"\xff" + HIDDEN),
        segment(0xDB, b"\0" + HIDDEN[:64]),
        TABLES,
    ],
    ids=["no restart", "a restart", "text", "unused", "unused, wide", "unused codes", "overridden", "twice"],
)
def test_tables_that_no_strip_uses_or_that_come_twice_go(more):
    assert stripped(shared(more + TABLES))[0] == CLEAN
    start = CLEAN.index(b"\xff\xd8\xff\xc4")
    tables = CLEAN[start : CLEAN.index(b"\xff\xd9", start)]
    check_tables(tables + b"\xff\xd9", [STRIP])
    for bad in (tables[:2] + more + tables[2:], tables + more):
        with pytest.raises((ResidueError, StructureError)):
            check_tables(bad + b"\xff\xd9", [STRIP])


def test_tables_that_strips_have_themselves_go():
    written = stripped(shared(TABLES, HALF))[0]
    assert frames(written) == frames(shared(TABLES, HALF))
    assert written == stripped(tiff((without_tables(), [HALF, HALF])))[0]


def without_tables():
    return page(t259=values(SHORT, 7), t262=values(SHORT, 6), t530=values(SHORT, 1, 1), t278=values(SHORT, HEIGHT // 2))


@pytest.mark.parametrize("size", [(WIDTH, HEIGHT + 1), (WIDTH, 512), (WIDTH + 1, HEIGHT), (600, HEIGHT)])
def test_a_strip_that_is_larger_than_its_part_of_the_page_is_refused(size):
    tags = page(t259=values(SHORT, 7), t262=values(SHORT, 6), t530=values(SHORT, 1, 1))
    data = tiff((tags, [jpeg(scene(*size), subsampling="4:4:4")]))
    with pytest.raises(UnreadablePhotoError, match="more than belong to it"):
        stripped(data)
    written = stripped(tiff((tags, [JPEG])))[0]
    frame = struct.pack(">HH", HEIGHT, WIDTH)
    assert written.count(frame) == 1
    with pytest.raises((ResidueError, StructureError)):
        scan(written.replace(frame, struct.pack(">HH", *size[::-1])))
