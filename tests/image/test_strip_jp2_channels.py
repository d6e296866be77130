"""JPEG 2000: lists of channels hold as many as there are, and nothing else."""

import struct

import pytest

from cloak.errors import ResidueError, UnreadablePhotoError
from cloak.image import blocks
from cloak.image.scan import scan

from .contract import stripped
from .dirty import SECRET
from .test_strip_jp2 import PLAIN, box, coded, rebuilt

COLOURS = [(0, 0, 1), (1, 0, 2), (2, 0, 3)]
INDICES = stripped(coded("L"))[0]
PALETTE = box(b"pclr", b"\0\2\3\7\7\7" + b"\0\0\0\xff\xff\xff")
MAPPED = [(0, 1, 0), (0, 1, 1), (0, 1, 2)]


def listed(entries, count=None):
    packed = b"".join(struct.pack(">HHH", *entry) for entry in entries)
    return box(b"cdef", struct.pack(">H", len(entries) if count is None else count) + packed)


def mapping(entries, behind=b""):
    return box(b"cmap", b"".join(struct.pack(">HBB", *entry) for entry in entries) + behind)


def assert_refused(dirty):
    with pytest.raises(UnreadablePhotoError, match="truncated or damaged"):
        stripped(dirty)
    with pytest.raises(ResidueError):
        scan(dirty)


@pytest.mark.parametrize("entries", [COLOURS, COLOURS[::-1], [(0, 0, 3), (1, 0, 2), (2, 65535, 65535)], [(2, 1, 0)]])
def test_channels_that_are_there_stay(entries):
    data = rebuilt(stripped(PLAIN)[0], inside=listed(entries))
    assert stripped(data)[0] == data


@pytest.mark.parametrize(
    "entries",
    [
        [*COLOURS, (3, 0, 1)],
        [*COLOURS, (2, 0, 3)],
        [(number % 3, 0, 0x4142) for number in range(2000)],
        [(0, 3, 1), *COLOURS[1:]],
        [(0, 0, 4), *COLOURS[1:]],
        [(3, 0, 1)],
    ],
)
def test_channels_that_are_not_there_are_refused(entries):
    assert_refused(rebuilt(stripped(PLAIN)[0], inside=listed(entries)))


@pytest.mark.parametrize("entries", [MAPPED, MAPPED[::-1], [*MAPPED, (0, 0, 0)]])
def test_colours_of_a_palette_stay(entries):
    colours = [(number, 0, number + 1) for number in range(len(entries))]
    data = rebuilt(INDICES, inside=PALETTE + mapping(entries) + listed(colours))
    assert stripped(data)[0] == data


@pytest.mark.parametrize(
    "entries",
    [
        [],
        MAPPED[:2],
        [*MAPPED, (0, 1, 3)],
        [*MAPPED, (0, 1, 2)],
        [*MAPPED, (0, 0, 65)],
        [*MAPPED, (0, 2, 0)],
        [*MAPPED, (1, 0, 0)],
        [*MAPPED, *((0, 1, 65 + number) for number in range(26))],
    ],
)
def test_colours_that_are_not_in_the_palette_are_refused(entries):
    assert_refused(rebuilt(INDICES, inside=PALETTE + mapping(entries)))


def test_a_palette_without_a_mapping_is_refused():
    assert_refused(rebuilt(INDICES, inside=PALETTE))


def test_a_mapping_without_a_palette_goes():
    clean = stripped(PLAIN)[0]
    dirty = rebuilt(clean, inside=mapping([], SECRET[:8]))
    written, planned = stripped(dirty)
    assert written == clean
    assert planned.removed == (blocks.STRAY,)
    with pytest.raises(ResidueError, match="mapping"):
        scan(dirty)


def test_the_header_counts_as_many_components_as_the_picture_has():
    clean = stripped(PLAIN)[0]
    start = clean.index(b"ihdr") + 12
    assert_refused(clean[:start] + b"\0\4" + clean[start + 2 :])
