"""TIFF and BigTIFF files that are damaged, lie about their sizes, or are not photos: a reason, and nothing written."""

import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloak.errors import PhotoError, TooLargeError, UnreadablePhotoError, UnsupportedPhotoError

from .contract import frames, stripped, stripped_or_refused
from .dirty import SECRET, jpeg, scene
from .tiff_files import (
    BYTES,
    DEFLATED,
    HALVES,
    HEIGHT,
    LONG,
    LONG8,
    LZW_PAGE,
    PACKED,
    RGB,
    SHORT,
    STRIP_OFFSETS,
    WIDTH,
    lzw_strip,
    page,
    pillow,
    tiff,
    values,
    with_jpeg,
)

_ENTRIES = ((256, 4), (257, 4), (258, 8), (259, 1), (262, 1), (273, 118), (277, 1), (279, 16))
CANON = b"II*\0\x10\0\0\0CR\2\0" + struct.pack("<IH", 0, len(_ENTRIES))
CANON += b"".join(struct.pack("<HHII", tag, LONG, 1, value) for tag, value in _ENTRIES) + bytes(4) + bytes(16)
"""A preview as Canon's raw files begin with it."""


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (tiff((page() | {50706: (1, b"\1\4\0\0")}, [RGB])), "raw"),
        (tiff((page(), [RGB]), (page() | {50752: values(SHORT, 1, 20, 20)}, [RGB])), "raw"),
        (CANON, "raw"),
        (tiff((page(), [RGB], {330: page(t256=values(SHORT, 4 * WIDTH))})), "raw"),
        (tiff((page(t262=values(SHORT, 32803)), [RGB])), "raw"),
        (tiff((page(t259=values(SHORT, 34892)), [RGB])), "34892"),
        (tiff((page(t259=values(SHORT, 6), t278=values(SHORT, 12)), HALVES)), "old kind"),
        (tiff((page(t254=values(LONG, 1)), [RGB], {330: page()})), "thumbnails"),
    ],
)
def test_what_cannot_be_rewritten_is_named(data, reason):
    with pytest.raises(UnsupportedPhotoError, match=reason):
        stripped(data)


@pytest.mark.parametrize(
    "head", [b"II+\0", b"II+\0\x04\0\0\0", b"II+\0\x08\0\1\0", b"II+\0\0\x08\0\0", b"MM\0+\x08\0\0\0"]
)
def test_a_big_tiff_with_offsets_of_another_size_is_refused(head):
    data = tiff((page(), [RGB]), big=True)
    with pytest.raises(UnreadablePhotoError):
        stripped(head + data[len(head) :] if len(head) == 8 else head)


def test_sizes_that_overflow_in_a_big_tiff_are_refused():
    data = tiff((page(), [RGB]), big=True)
    directory = int.from_bytes(data[8:16], "little")
    for place, size in ((8, 8), (directory, 8), (directory + 8 + 4, 8)):
        for number in (1 << 63, (1 << 64) - 1, 1 << 40):
            stripped_or_refused(data[:place] + struct.pack("<Q", number) + data[place + size :])
    for tag in (256, 257, 273, 277):
        with pytest.raises(PhotoError):
            stripped(tiff((page() | {tag: values(LONG8, 1 << 62)}, [RGB]), big=True))


@pytest.mark.parametrize(
    "data",
    [
        b"II*\0",
        b"II*\0\0\0\0\0",
        b"II*\0\x08\0\0\0\xff\xff",
        tiff(({}, [])),
        tiff((page(t256=None), [RGB])),
        tiff((page(t256=values(LONG, 0xFFFFFFFF), t257=values(LONG, 0xFFFFFFFF)), [RGB])),
        tiff((page(t277=values(LONG, 0xFFFFFFFF)), [RGB])),
        tiff((page(t278=values(LONG, 1)), [RGB])),
        tiff((page(t258=values(SHORT, 0)), [RGB])),
        tiff((page(t262=values(SHORT, 3), t320=values(SHORT, 1)), [RGB])),
        tiff((DEFLATED[0], [zlib.compress(bytes(10_000_000))])),
        tiff((DEFLATED[0], [zlib.compress(RGB)[:-9]])),
        tiff((page(t259=values(SHORT, 32773)), [PACKED[:-1]])),
        tiff((LZW_PAGE, [lzw_strip()[:-9]])),
        tiff((page(t322=values(SHORT, 0), t323=values(SHORT, 16)), [RGB]), arrays=(324, 325)),
        with_jpeg(tables=b"\xff\xd8\xff\xc4"),
        tiff((page(t259=values(SHORT, 7), t262=values(SHORT, 6)), [jpeg(scene(WIDTH, HEIGHT))[:-20]])),
        tiff((page(t259=values(SHORT, 4)) | {273: values(LONG, 1 << 20)}, [RGB]), arrays=(STRIP_OFFSETS, 60000)),
    ],
)  # fmt: skip
def test_what_is_no_picture_is_refused(data):
    with pytest.raises(PhotoError):
        stripped(data)


@pytest.mark.parametrize("head", [b"II*\0\0\0\0\0", b"MM\0+\0\x08\0\0" + bytes(8)])
def test_a_file_without_directories_has_no_picture(head):
    with pytest.raises(UnreadablePhotoError, match="no picture in it"):
        stripped(head + SECRET)


def test_a_bomb_is_refused_before_it_is_unpacked():
    huge = page(t256=values(LONG, 60_000), t257=values(LONG, 60_000), t278=values(LONG, 60_000), t259=values(SHORT, 8))
    with pytest.raises(TooLargeError):
        stripped(tiff((huge, [zlib.compress(RGB)])))


def test_directories_in_a_circle_end_where_it_closes():
    data = bytearray(pillow("tiff_lzw", pages=2))
    first = int.from_bytes(data[4:8], "little")
    second = first + 2 + 12 * int.from_bytes(data[first : first + 2], "little")
    start = int.from_bytes(data[second : second + 4], "little")
    last = start + 2 + 12 * int.from_bytes(data[start : start + 2], "little")
    struct.pack_into("<I", data, last, first)
    assert len(frames(stripped(bytes(data))[0])) == 2


def test_directories_and_strips_that_overlap_do_not_multiply():
    chain = b"".join(struct.pack("<H12xI", 1, 8 + 18 * (n + 1)) for n in range(10_000))
    stripped_or_refused(b"II*\0\x08\0\0\0" + chain)
    many = page(t257=values(LONG, 2000), t278=values(SHORT, 1)) | {
        273: values(LONG, *range(8, 2008)),
        279: values(LONG, *[120] * 2000),
    }
    with pytest.raises(PhotoError, match="overlap"):
        stripped(tiff((many, [bytes(3000)])))


STRUCTURAL = st.sampled_from([254, 258, 259, 262, 277, 278, 284, 317, 320, 322, 338, 347, 530])


TAGS = st.dictionaries(
    st.integers(1, 65535) | STRUCTURAL,
    st.tuples(st.sampled_from([1, 2, BYTES]), st.binary(max_size=40))
    | st.builds(values, st.just(SHORT), st.integers(0, 65535)),
    max_size=6,
)


@settings(max_examples=80, deadline=None)
@given(tags=TAGS, order=st.sampled_from("<>"), big=st.booleans())
def test_no_tags_crash_it_or_leave_anything(tags, order, big):
    data = tiff((page() | tags, [RGB]), order=order, big=big)
    written = stripped_or_refused(data, ())
    if written:
        assert len(written) < len(data) + 60
        assert stripped(written)[0] == written
