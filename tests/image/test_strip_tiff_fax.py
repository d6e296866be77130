"""Pixels that are coded as by a fax: what is behind their end goes; where no end is told, they are coded anew."""

import io
import random
import zlib

import pytest
from PIL import Image, ImageChops

from cloak.errors import PhotoError, ResidueError, UnreadablePhotoError, UnsupportedPhotoError
from cloak.image import blocks
from cloak.image.scan import scan
from cloak.image.strip import fax
from cloak.image.strip.base import ANEW, DAMAGED, Plan
from cloak.image.strip.fax import group4

from .contract import frames, stripped, stripped_or_refused
from .dirty import SECRET, scene
from .tiff_files import LONG, RATIONAL, SHORT, pillow, tiff, values

MIRRORED = bytes(int(f"{each:08b}"[::-1], 2) for each in range(256))


def _strip(compression: str = "group4") -> tuple[int, int, bytes]:
    """Width, height and coded pixels of a picture."""
    data = pillow(compression, "1")
    with Image.open(io.BytesIO(data)) as image:
        (offset,), (count,) = image.tag_v2[273], image.tag_v2[279]
        return *image.size, data[offset : offset + count]


def _tags(width: int, height: int, *, coded: int, order: int = 1) -> dict[int, object]:
    return {
        256: values(SHORT, width), 257: values(SHORT, height), 258: values(SHORT, 1), 259: values(SHORT, coded),
        262: values(SHORT, 1), 266: values(SHORT, order), 277: values(SHORT, 1), 278: values(SHORT, height),
    }  # fmt: skip


def _page(width: int, height: int, strip: bytes, *, coded: int = 4, order: int = 1, more: object = None) -> bytes:
    return tiff((_tags(width, height, coded=coded, order=order) | (more or {}), [strip]))


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("behind", [SECRET, b"\0" * 7, b"\0\x10\x01" + SECRET, SECRET * 9000])
def test_what_is_behind_the_end_of_a_group_4_strip_goes(order, behind):
    width, height, strip = _strip()
    strip = strip if order == 1 else strip.translate(MIRRORED)
    dirty = _page(width, height, strip + behind, order=order)
    written, planned = stripped(dirty)
    assert planned.removed == (blocks.STRAY,)
    assert written == stripped(_page(width, height, strip, order=order))[0]
    assert strip in written
    assert frames(written) == frames(dirty)
    with pytest.raises(ResidueError, match="does not end where the picture does"):
        scan(dirty)


@pytest.mark.parametrize("shift", range(8))
def test_the_end_is_found_at_any_bit(shift):
    # Rows are not decoded here: what counts is where the code stands.
    bits = "1" * (16 + shift) + 2 * ("0" * 11 + "1")
    bits += "0" * (-len(bits) % 8)
    strip = int(bits, 2).to_bytes(len(bits) // 8, "big")
    for order, data in ((1, strip), (2, strip.translate(MIRRORED))):
        written, _ = stripped(_page(8, 8, data + SECRET, order=order))
        assert data in written
        assert SECRET not in written
        scan(written)


CODED = [
    pytest.param("tiff_ccitt", 2, 0, id="modified Huffman"),
    pytest.param("group3", 3, 0, id="Group 3"),
    pytest.param("group3", 3, 1, id="Group 3, two-dimensional"),
    pytest.param("group3", 3, 4, id="Group 3, filled"),
    pytest.param("group4", 4, 0, id="Group 4 without its end"),
]


def _parts(compression: str, picture: Image.Image, options: int) -> bytes:
    """The coded pixels of a picture, without what ends them."""
    tags = {278: picture.height, **({292: options} if compression == "group3" else {})}
    buffer = io.BytesIO()
    picture.save(buffer, "TIFF", compression=compression, tiffinfo=tags)
    with Image.open(buffer) as image:
        (offset,), (count,) = image.tag_v2[273], image.tag_v2[279]
    strip = buffer.getvalue()[offset : offset + count]
    end = group4([strip]) if compression == "group4" else None
    return strip[: end - 3] if end else strip


def _picture(width: int = 61, height: int = 50) -> Image.Image:
    return Image.fromarray(scene(width, height)).convert("1")


def _anew(data: bytes) -> tuple[bytes, Plan]:
    """What is written of pixels that are coded anew."""
    written, planned = stripped(data)
    assert ANEW in planned.notes
    again, nothing = stripped(written)
    assert again == written
    assert nothing.removed == nothing.notes == ()
    with Image.open(io.BytesIO(written)) as image:
        assert image.tag_v2[259] == 8
        assert not {266, 292, 293, 317} & set(image.tag_v2)
    return written, planned


@pytest.mark.parametrize(("compression", "number", "options"), CODED)
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("shown", [0, 1])
def test_pixels_that_do_not_say_where_they_end_are_coded_anew(compression, number, options, order, shown):
    picture = _picture()
    strip = _parts(compression, picture, options) + SECRET
    more = {262: values(SHORT, shown), 292: values(LONG, options), 317: values(SHORT, 1), 305: (2, SECRET)}
    strip = strip.translate(MIRRORED) if order == 2 else strip
    dirty = _page(*picture.size, strip, coded=number, order=order, more=more)
    written, planned = _anew(dirty)
    assert frames(written) == frames(dirty)
    assert SECRET not in written
    assert planned.removed == (blocks.SOFTWARE,)
    ink = picture if shown else ImageChops.invert(picture)
    with Image.open(io.BytesIO(written)) as image:
        assert image.tobytes() == ink.tobytes()


@pytest.mark.parametrize(("compression", "number", "options"), CODED)
def test_rows_behind_the_last_one_do_not_come_along(compression, number, options):
    picture = _picture()
    strip = _parts(compression, picture, options)
    cut = _page(picture.width, 20, strip, coded=number, more={292: values(LONG, options)})
    written, _ = _anew(cut)
    with Image.open(io.BytesIO(written)) as image:
        (offset,), (count,) = image.tag_v2[273], image.tag_v2[279]
        assert image.tobytes() == picture.crop((0, 0, picture.width, 20)).tobytes()
    assert len(zlib.decompress(written[offset : offset + count])) == 20 * 8


def test_strips_tiles_and_pages_are_coded_anew_each():
    picture = _picture(60, 50)
    strips = [_parts("tiff_ccitt", picture.crop((0, top, 60, min(top + 16, 50))), 0) for top in range(0, 50, 16)]
    places = [(left, top) for top in (0, 32) for left in (0, 32)]
    tiles = [_parts("group3", picture.crop((left, top, left + 32, top + 32)), 0) for left, top in places]
    tags = _tags(60, 50, coded=2) | {278: values(SHORT, 16)}
    tiled = _tags(60, 50, coded=3) | {322: values(SHORT, 32), 323: values(SHORT, 32)}
    del tiled[278]
    for page in (tiff((tags, strips)), tiff((tags, strips), (tags, strips)), tiff((tiled, tiles), arrays=(324, 325))):
        written, _ = _anew(page)
        assert frames(written) == frames(page)
        with Image.open(io.BytesIO(written)) as image:
            assert image.tobytes() == picture.tobytes()


def test_a_group_4_page_of_which_one_strip_lacks_its_end_is_coded_anew():
    picture = _picture(60, 50)
    top, bottom = (picture.crop((0, start, 60, start + 25)) for start in (0, 25))
    strips = [_parts("group4", top, 0) + b"\x00\x10\x01", _parts("group4", bottom, 0)]
    written, _ = _anew(tiff((_tags(60, 50, coded=4) | {278: values(SHORT, 25)}, strips)))
    with Image.open(io.BytesIO(written)) as image:
        assert image.tobytes() == picture.tobytes()


def test_the_way_up_and_the_shape_of_a_pixel_stay():
    more = {274: values(SHORT, 6), 282: values(RATIONAL, 204, 1), 283: values(RATIONAL, 102, 1), 296: values(SHORT, 2)}
    written, planned = _anew(_page(61, 50, _parts("group3", _picture(), 0), coded=3, more=more))
    assert planned.kept == ("orientation",)
    with Image.open(io.BytesIO(written)) as image:
        assert [image.tag_v2[tag] for tag in (274, 282, 283, 296)] == [6, 2, 1, 1]


def test_a_kind_that_decoders_do_not_agree_upon_is_refused():
    with pytest.raises(UnsupportedPhotoError, match=r"as by a fax \(number 32771\)"):
        stripped(_page(61, 50, _parts("tiff_raw_16", _picture(), 0), coded=32771))


def test_damage_that_decoders_put_up_with_is_told():
    picture = _picture()
    strip = _parts("tiff_ccitt", picture, 0)
    dirty = _page(*picture.size, strip[:60] + bytes(4) + strip[64:], coded=2)
    written, planned = _anew(dirty)
    assert planned.notes == (ANEW, DAMAGED)
    assert frames(written) == frames(dirty)


@pytest.mark.parametrize(
    ("strip", "more", "reason"),
    [
        (b"", {}, "coded as by a fax: decoder error"),
        (b"\x35" * 9, {}, "coded as by a fax: decoder error"),
        (b"\x35" * 90, {258: values(SHORT, 8)}, "pixels of .8,. bits that are coded as by a fax"),
        (b"\x35" * 90, {277: values(SHORT, 3), 258: values(SHORT, 1, 1, 1)}, "bits that are coded as by a fax"),
        (
            b"\x35" * 90,
            {256: values(LONG, 1 << 20), 257: values(LONG, 1 << 11), 278: values(LONG, 1 << 11)},
            "too many",
        ),
        (b"\x35" * 90, {256: values(LONG, 1 << 31), 257: values(LONG, 1 << 31), 278: values(LONG, 1)}, "damaged"),
    ],
)
def test_what_cannot_be_decoded_is_refused_with_a_reason(strip, more, reason):
    with pytest.raises(PhotoError, match=reason):
        stripped(_page(61, 50, strip, coded=2, more=more))


def test_a_decoder_that_is_taken_down_is_one_failed_photo(monkeypatch):
    monkeypatch.setattr(fax, "SECONDS", 0)  # of a processor: the system ends it at once
    with pytest.raises(UnreadablePhotoError, match="took their decoder down, or too long"):
        stripped(_page(61, 50, b"\x35" * 4000, coded=2))


@pytest.mark.parametrize(("compression", "number", "options"), CODED)
def test_bits_that_are_flipped_are_refused_or_clean(compression, number, options):
    picture = _picture()
    dirty = _page(*picture.size, _parts(compression, picture, options), coded=number)
    draw = random.Random(7)  # noqa: S311 -- not for secrets
    for _ in range(12):
        data = bytearray(dirty)
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        stripped_or_refused(bytes(data))
        stripped_or_refused(dirty[: draw.randrange(len(data))])


@pytest.mark.parametrize(("compression", "number", "options"), CODED)
def test_the_second_reader_takes_none_of_them(compression, number, options):
    picture = _picture()
    with pytest.raises(ResidueError):
        scan(_page(*picture.size, _parts(compression, picture, options), coded=number))
