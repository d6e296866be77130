"""TIFF: all pages stay, with the tags that say how their pixels are stored; everything else, thumbnails too, goes."""

import io
import struct
import zlib

import pytest
from PIL import Image

from cloak.errors import ResidueError
from cloak.image import blocks
from cloak.image.icc import DISPLAY_P3
from cloak.image.scan import scan
from cloak.image.strip.base import Keep, Memory
from cloak.image.strip.tiff import plan

from .contract import Case, Contract, frames, stripped
from .dirty import SECRET, dirty_tiff, dirty_webp, exif, iptc, profile, scene, segment, xmp
from .tiff_files import (
    DEFLATED,
    DETAILS,
    HALF,
    HALVES,
    HEIGHT,
    LONG,
    LONG8,
    LZW_PAGE,
    PACKED,
    PLACE,
    RATIONAL,
    RGB,
    SHORT,
    STRIP_OFFSETS,
    TEXT_TAGS,
    TILED,
    TILES,
    WIDTH,
    lzw_strip,
    page,
    pillow,
    thumbnail,
    tiff,
    values,
    with_jpeg,
)


def full(data):
    """The pages that are no thumbnails."""
    return [shown for shown in frames(data) if shown[0] == (WIDTH, HEIGHT)]


BIG = page(t256=values(LONG8, WIDTH), t257=values(LONG8, HEIGHT), t278=values(LONG8, HEIGHT // 2))


class TestTiff(Contract):
    FLIPS = 80
    CASES = (
        Case("editor", dirty_tiff(), [blocks.XMP, blocks.IPTC, blocks.OWNER, blocks.WHEN, blocks.SOFTWARE]),
        Case("turned", dirty_tiff(6), [blocks.OWNER]),
        Case("texts", tiff((page() | TEXT_TAGS, [RGB])), [blocks.TEXT, blocks.DEVICE, "private tags"]),
        Case("big-endian", tiff((page() | TEXT_TAGS, [RGB]), order=">"), [blocks.TEXT, blocks.DEVICE]),
        Case("BigTIFF", tiff((page() | TEXT_TAGS, [RGB]), big=True), [blocks.TEXT, blocks.DEVICE, "private tags"]),
        Case("BigTIFF, wide", tiff((BIG | TEXT_TAGS, HALVES), big=True), [blocks.TEXT]),
        Case("BigTIFF, pages", tiff((page(), [RGB + SECRET]), thumbnail(), big=True), [blocks.THUMBNAIL], shown=full),
        Case("EXIF", tiff((page(), [RGB], {34665: DETAILS})), [blocks.EXIF, blocks.WHEN, blocks.SERIAL]),
        Case("GPS", tiff((page(), [RGB], {34853: PLACE})), [blocks.GPS], (b"\x33\0\0\0\1\0\0\0\x1c",)),
        Case("sub-directory", tiff((page(), [RGB], {330: page() | TEXT_TAGS})), [blocks.THUMBNAIL]),
        Case("XMP", tiff((page() | {700: (1, xmp()), 34377: (1, iptc())}, [RGB])), [blocks.XMP, blocks.PHOTOSHOP]),
        Case("profile", tiff((page() | {34675: (7, profile())}, [RGB])), secrets=(b"desc",)),
        Case("Display P3", tiff((page() | {34675: (7, DISPLAY_P3)} | TEXT_TAGS, [RGB])), [blocks.TEXT]),
        Case("gap", tiff((page(), [RGB]), gap=SECRET), secrets=(SECRET,)),
        Case("trailer", tiff((page(), [RGB]), tail=SECRET), [blocks.TRAILER]),
        Case("behind pixels", tiff((page(), [RGB + SECRET])), [blocks.STRAY]),
        Case("more strips", tiff((DEFLATED[0] | HALF, [*map(zlib.compress, HALVES), SECRET])), [blocks.STRAY]),
        Case("tiles", tiff((TILED, [*TILES[:3], TILES[3] + SECRET]), arrays=(324, 325)), [blocks.STRAY]),
        Case("deflated", tiff((DEFLATED[0], [DEFLATED[1][0] + SECRET])), [blocks.STRAY]),
        Case("LZW", tiff((LZW_PAGE, [lzw_strip() + SECRET])), [blocks.STRAY]),
        Case("packed", tiff((page(t259=values(SHORT, 32773)), [PACKED + SECRET])), [blocks.STRAY]),
        Case("LZMA", pillow("lzma"), [blocks.TEXT, blocks.OWNER]),
        Case("fax", pillow("group4", "1"), [blocks.TEXT, blocks.OWNER]),
        Case("palette", pillow(mode="P"), [blocks.TEXT]),
        Case("pages", pillow("tiff_lzw", pages=3), [blocks.TEXT]),
        Case("thumbnail", tiff((page(), [RGB]), thumbnail()), [blocks.THUMBNAIL], shown=full),
        Case("thumbnail first", tiff(thumbnail(), (page(), [RGB])), [blocks.THUMBNAIL], shown=full),
        Case("JPEG", with_jpeg(extra=segment(0xE1, b"Exif\0\0" + exif())), [blocks.GPS, blocks.TEXT]),
        Case("JPEG tables", with_jpeg(tables=b"\xff\xd8" + segment(0xFE, SECRET) + b"\xff\xd9")),
        Case("old JPEG", with_jpeg(old=True, extra=segment(0xFE, SECRET)), [blocks.TEXT]),
        Case("equal strips", tiff((page(t278=values(SHORT, 12)) | TEXT_TAGS, [HALVES[0]] * 2)), [blocks.TEXT]),
        Case("sizes left out", tiff((page() | TEXT_TAGS, [RGB]), arrays=(STRIP_OFFSETS, 60000)), [blocks.TEXT]),
    )  # fmt: skip


@pytest.mark.parametrize("orientation", range(1, 9))
def test_which_way_is_up_stays(orientation):
    written, planned = stripped(dirty_tiff(orientation))
    with Image.open(io.BytesIO(written)) as image:
        assert image.getexif().get(274, 1) == orientation
    assert ("orientation" in planned.kept) == (orientation != 1)


def test_all_pages_stay_and_only_thumbnails_go():
    assert len(frames(stripped(pillow("tiff_lzw", pages=3))[0])) == 3
    assert len(frames(stripped(tiff((page(), [RGB]), thumbnail(), (page(), [RGB])))[0])) == 2


def test_of_a_resolution_only_the_shape_of_a_pixel_stays():
    def resolution(across, down, unit=2):
        tags = {282: values(RATIONAL, across, 10), 283: values(RATIONAL, down, 10), 296: values(SHORT, unit)}
        return stripped(tiff((page() | tags, [RGB])))

    plain = stripped(tiff((page(), [RGB])))[0]
    assert resolution(3000, 3000)[0] == plain
    assert resolution(3000, 3000)[1].removed == (blocks.RESOLUTION,)
    written, _ = resolution(2040, 1020)
    with Image.open(io.BytesIO(written)) as image:
        assert (image.tag_v2[282], image.tag_v2[283], image.tag_v2[296]) == (2, 1, 1)
    assert resolution(4080, 2040)[0] == written


def test_a_webp_picture_in_a_strip_is_stripped_as_well():
    strip = dirty_webp(1, scene(WIDTH, HEIGHT))
    written, planned = stripped(tiff((page(t259=values(SHORT, 50001)), [strip])))
    assert blocks.GPS in planned.removed
    assert SECRET not in written


def test_strips_that_several_parts_share_are_written_once():
    once = page(t278=values(SHORT, 12)) | {
        273: values(LONG, 8, 8),
        279: values(LONG, len(HALVES[0]), len(HALVES[0])),
    }
    written, _ = stripped(tiff((once, [HALVES[0]])))
    assert len(written) < len(HALVES[0]) + 300
    assert frames(written) == frames(tiff((once, [HALVES[0]])))


def test_old_lzw_codes_are_followed_too():
    # As in a GIF: lowest bit first; nine zero bits of a clear code make it start with a zero byte.
    codes = [256, *(n % 250 for n in range(100)), 257]
    bits = sum(code << 9 * place for place, code in enumerate(codes))
    strip = bits.to_bytes((9 * len(codes) + 7) // 8, "little")
    small = page(t256=values(SHORT, 100), t257=values(SHORT, 1), t278=values(SHORT, 1), t258=values(SHORT, 8),
                 t259=values(SHORT, 5), t262=values(SHORT, 1), t277=values(SHORT, 1))  # fmt: skip
    written, planned = stripped(tiff((small, [strip + SECRET])))
    assert planned.removed == (blocks.STRAY,)
    assert strip in written


def test_a_big_tiff_is_written_as_a_tiff_with_the_same_pages():
    pages = (BIG | TEXT_TAGS, HALVES, {34665: DETAILS}), DEFLATED
    for order in "<>":
        written, planned = stripped(tiff(*pages, order=order, big=True))
        assert written == stripped(tiff(*pages, order=order))[0]
        assert blocks.SERIAL in planned.removed
        assert written[:4] in {b"II*\0", b"MM\0*"}


def loop(offset):
    data = bytearray(tiff((page(), [RGB])))
    struct.pack_into("<I", data, len(data) - 10, offset)
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        tiff((page(), [RGB]), gap=b"xx"),
        tiff((page(), [RGB]), tail=b"\0\0"),
        tiff((page() | {254: values(LONG, 1)}, [RGB])),
        tiff((page() | {274: values(SHORT, 9)}, [RGB])),
        tiff((page() | {282: values(RATIONAL, 72, 1)}, [RGB])),
        tiff((page() | {34675: (7, profile())}, [RGB])),
        tiff((page() | {347: (7, b"\xff\xd8\xff\xd9")}, [RGB])),
        tiff((page() | {320: values(SHORT, *[0] * 768)}, [RGB])),
        tiff((page(), [RGB + b"x"])),
        tiff((DEFLATED[0], [DEFLATED[1][0] + b"x"])),
        tiff((LZW_PAGE, [lzw_strip() + b"x"])),
        tiff((page(t259=values(SHORT, 32773)), [PACKED + b"x"])),
        with_jpeg(extra=segment(0xFE, b"x")),
    ],
)
def test_the_second_reader_finds_what_does_not_belong(data):
    scan(stripped(data)[0])
    with pytest.raises(ResidueError):
        scan(data)


def test_a_plan_copies_pixels_and_holds_none():
    data = pillow(pages=3)
    assert sum(len(piece) for piece in plan(Memory(data), Keep()).pieces if isinstance(piece, bytes)) < 1000
