"""Bytes of TIFFs and animations that nothing refers to, and what motion videos list, are told."""

import struct
import zlib

import pytest

from cloak.image.strip import strip_bytes

from ..image.dirty import SECRET, chunk, exif, xmp  # noqa: TID252 -- the tests are no package that could be named
from ..image.isobmff_files import Item, box, full, meta  # noqa: TID252
from ..image.isobmff_films import film, pictures, track  # noqa: TID252
from ..image.png_files import apng  # noqa: TID252
from ..image.tiff_files import (  # noqa: TID252
    DEFLATED,
    DETAILS,
    HALF,
    HALVES,
    LONG,
    LZW_PAGE,
    PACKED,
    RGB,
    SHORT,
    TEXT_TAGS,
    TILED,
    TILES,
    lzw_strip,
    page,
    pillow,
    tiff,
    values,
    with_jpeg,
)
from .photos import jpeg, look, told

UNUSED, BEHIND = ("travels", "bytes that nothing uses"), ("travels", "data after the end of the picture")
MAKERS_NOTE = {**DETAILS, 0x927C: (7, b"Nikon\0" + bytes(20))}


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize(("content", "count"), [(b"secrets!", 8), (bytes(8), 0)])
def test_bytes_between_the_parts_of_a_tiff_are_told_and_padding_is_not(tmp_path, order, big, content, count):
    pages = (page() | HALF | TEXT_TAGS, HALVES, {34665: DETAILS}), (page(), [RGB])
    plain = told(look(tmp_path, tiff(*pages, order=order, big=big)))
    assert not {UNUSED, BEHIND} & set(plain)
    found = told(look(tmp_path, tiff(*pages, order=order, big=big, gap=content)))
    assert found.get(UNUSED) == ("17 bytes" if count else None)  # one is padding beside them
    found = told(look(tmp_path, tiff(*pages, order=order, big=big, tail=content)))
    assert found.get(BEHIND) == (f"{count} bytes" if count else None)


@pytest.mark.parametrize(
    ("tags", "strips", "arrays"),
    [
        pytest.param(page(), [RGB], (273, 279), id="raw"),
        pytest.param(TILED, TILES, (324, 325), id="tiles"),
        pytest.param(DEFLATED[0] | HALF, [zlib.compress(half) for half in HALVES], (273, 279), id="deflated"),
        pytest.param(LZW_PAGE, [lzw_strip()], (273, 279), id="LZW"),
        pytest.param(page(t259=values(SHORT, 32773)), [PACKED], (273, 279), id="packed"),
    ],
)
def test_bytes_behind_the_pixels_of_a_strip_are_told(tmp_path, tags, strips, arrays):
    assert UNUSED not in told(look(tmp_path, tiff((tags, strips), arrays=arrays)))
    assert UNUSED not in told(look(tmp_path, tiff((tags, [*strips[:-1], strips[-1] + bytes(9)]), arrays=arrays)))
    found = told(look(tmp_path, tiff((tags, [*strips[:-1], strips[-1] + SECRET]), arrays=arrays)))
    assert found[UNUSED] == f"{len(SECRET)} bytes"


def test_places_that_only_a_maker_knows_are_not_called_unused(tmp_path):
    assert UNUSED not in told(look(tmp_path, tiff((page(), [RGB], {34665: MAKERS_NOTE}), gap=SECRET)))
    assert UNUSED in told(look(tmp_path, tiff((page(), [RGB], {34665: DETAILS}), gap=SECRET)))


@pytest.mark.parametrize(
    "data",
    [pillow("group4", "1"), pillow("tiff_lzw", pages=3), pillow("jpeg"), with_jpeg(old=True), strip_bytes(pillow())],
    ids=["fax", "pages", "JPEG", "old JPEG", "stripped"],
)
def test_ordinary_tiffs_have_no_unused_bytes(tmp_path, data):
    assert not {UNUSED, BEHIND} & set(told(look(tmp_path, data)))


def test_tiffs_made_to_waste_time_end(tmp_path):
    everywhere = page() | {330: values(LONG, *range(8, 4008))}
    many = page(t273=None) | {273: values(LONG, *[8] * 4000), 279: values(LONG, *[2000] * 4000)}
    for tags in (everywhere, many, many | {257: values(LONG, 4000), 278: values(LONG, 1)}):
        look(tmp_path, tiff((tags, [RGB]), *[(tags, [])] * 40))


@pytest.mark.parametrize("changes", [{}, {"wide": True}, {"compact": True}])
def test_bytes_between_the_frames_of_an_animation_are_told_and_padding_is_not(tmp_path, changes):
    items = pictures(3)

    def make(places):
        return [track(items[0], places, chunks=[1, 1, 1], times=[(3, 100)], **changes)]

    assert UNUSED not in told(look(tmp_path, film(items, make=make)))
    assert told(look(tmp_path, film(items, make=make, gap=b"secrets")))[UNUSED] == "21 bytes"
    assert UNUSED not in told(look(tmp_path, film(items, make=make, gap=bytes(7))))
    assert told(look(tmp_path, film(items, make=make) + box(b"mdat", b"secrets")))[UNUSED] == "7 bytes"


def test_items_of_a_track_are_not_called_unused(tmp_path):
    block = Item(b"Exif", bytes(4) + exif())
    items = pictures(2)

    def make(places, start=0):
        about = meta([block], [[(start, len(block.data))]])
        return [track(items[0], places, chunks=[2], times=[(2, 100)], head=about)]

    size = len(film(items, make=make)) + 8
    moving = film(items, make=lambda places: make(places, size))
    assert UNUSED not in told(look(tmp_path, moving + box(b"mdat", block.data)))
    assert told(look(tmp_path, moving + box(b"mdat", block.data, SECRET)))[UNUSED] == f"{len(SECRET)} bytes"


def test_a_table_of_frames_that_does_not_add_up_is_told(tmp_path):
    cut = film(pictures(2)).replace(b"stsc", b"abcd")
    assert "without a box stsc" in look(tmp_path, cut).problem


@pytest.mark.parametrize("inside", [True, False], ids=["of the movie", "of the file"])
@pytest.mark.parametrize(
    "around", [lambda video: jpeg() + video, lambda video: film(pictures(1)) + box(b"mpvd", video)]
)
def test_items_that_a_motion_video_lists_are_told(tmp_path, inside, around):
    blocks = [Item(b"Exif", bytes(4) + exif()), Item(b"mime", xmp(), about=b"application/rdf+xml\0")]
    head, header = box(b"ftyp", b"isom", bytes(4)), full(b"mvhd", bytes(96))

    def video(start):
        first = start, len(blocks[0].data)
        listed = meta(blocks, [[first], [(start + first[1], len(blocks[1].data))]])
        boxes = box(b"moov", header, listed) if inside else box(b"moov", header) + listed
        return head + boxes

    data = video(len(video(0)) + 8) + box(b"mdat", *(item.data for item in blocks))
    found = told(look(tmp_path, around(data)))
    assert found["where", "position"].startswith("51.4778")
    assert found["when", "taken"] == "2026-05-01 12:00:00"
    assert found["who", "tagged face"] == SECRET.decode()


def packed(*streams):
    """A PNG of 4 x 4 grey pixels whose chunks of pixels hold these streams."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 0, 0, 0, 0))
    body = b"".join(chunk(b"IDAT", stream) for stream in streams)
    return b"\x89PNG\r\n\x1a\n" + head + body + chunk(b"IEND", b"")


ROWS = 4 * (b"\0" + b"1234")


@pytest.mark.parametrize(
    ("streams", "count"),
    [
        ([zlib.compress(ROWS)], None),
        ([zlib.compress(ROWS)[:9], zlib.compress(ROWS)[9:]], None),
        ([zlib.compress(ROWS) + bytes(8)], None),
        ([zlib.compress(ROWS) + b"secrets!"], "8 bytes"),
        ([zlib.compress(ROWS), b"secrets!"], "8 bytes"),
        ([zlib.compress(ROWS + b"secrets!")], "8 bytes"),
    ],
)
def test_what_a_crop_leaves_among_the_pixels_of_a_png_is_told(tmp_path, streams, count):
    assert told(look(tmp_path, packed(*streams))).get(UNUSED) == count


def test_what_lies_behind_the_pixels_of_a_frame_is_told(tmp_path):
    plain = apng(3)
    assert UNUSED not in told(look(tmp_path, plain))
    start = plain.rindex(b"fdAT") - 4
    size = int.from_bytes(plain[start : start + 4], "big")
    longer = plain[:start] + chunk(b"fdAT", plain[start + 8 : start + 8 + size] + b"secrets!")
    assert told(look(tmp_path, longer + plain[start + 12 + size :]))[UNUSED] == "8 bytes"
