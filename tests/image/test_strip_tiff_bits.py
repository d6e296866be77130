"""TIFF pages whose bytes begin with their lowest bit (FillOrder 2): codes are followed as libtiff reads them."""

import zlib

import pytest
from PIL import features

from cloak.errors import ResidueError
from cloak.image import blocks
from cloak.image.scan import scan
from cloak.image.strip.base import Keep

from .contract import frames, stripped
from .dirty import SECRET, dirty_webp, scene
from .tiff_files import DEFLATED, HALVES, HEIGHT, LZW_PAGE, PACKED, RGB, SHORT, WIDTH, lzw_strip, page, tiff, values

MIRRORED = bytes(int(f"{each:08b}"[::-1], 2) for each in range(256))
LIBTIFF = pytest.mark.skipif(not features.check("libtiff"), reason="Pillow without libtiff")
CODED = {
    "deflate": (DEFLATED[0], DEFLATED[1][0]),
    "LZW": (LZW_PAGE, lzw_strip()),
    "PackBits": (page(t259=values(SHORT, 32773)), PACKED),
}
each_code = pytest.mark.parametrize(("tags", "strip"), CODED.values(), ids=CODED)


def _mirrored(tags, *strips):
    return tiff((tags | {266: values(SHORT, 2)}, [strip.translate(MIRRORED) for strip in strips]))


@LIBTIFF
@each_code
def test_the_picture_is_the_same(tags, strip):
    dirty = _mirrored(tags, strip + SECRET)
    written, planned = stripped(dirty)
    assert frames(written) == frames(dirty) == frames(tiff((tags, [strip])))
    assert planned.removed == (blocks.STRAY,)


@each_code
def test_what_is_behind_the_picture_goes(tags, strip):
    for behind in (SECRET, b"\0", SECRET * 9000):
        written, planned = stripped(_mirrored(tags, strip + behind))
        assert planned.removed == (blocks.STRAY,)
        assert written.endswith(strip.translate(MIRRORED))
        with pytest.raises(ResidueError, match="does not end where the picture does"):
            scan(_mirrored(tags, strip + behind))


@pytest.mark.parametrize(
    ("code", "halves"),
    [(8, map(zlib.compress, HALVES)), (32773, (PACKED[: len(PACKED) // 2], PACKED[len(PACKED) // 2 :]))],
)
def test_each_of_several_strips_is_followed(code, halves):
    written, planned = stripped(_mirrored(page(t259=values(SHORT, code), t278=values(SHORT, HEIGHT // 2)), *halves))
    assert planned.removed == ()
    assert stripped(written)[0] == written


def test_an_end_that_lzw_codes_lack_is_written_with_its_bits_in_the_same_order():
    strip = lzw_strip()
    written, _ = stripped(tiff((LZW_PAGE, [strip[:-1]])))
    other_way, _ = stripped(_mirrored(LZW_PAGE, strip[:-1]))
    assert frames(written) == frames(tiff((LZW_PAGE, [strip])))
    assert other_way[-len(strip) :].translate(MIRRORED) == written[-len(strip) :]


def test_a_webp_picture_in_a_strip_is_stripped_as_well():
    tags, picture = page(t259=values(SHORT, 50001)), dirty_webp(1, scene(WIDTH, HEIGHT))
    clean = stripped(picture, Keep(orientation=False, profile=False))[0]
    written, planned = stripped(_mirrored(tags, picture))
    assert blocks.GPS in planned.removed
    assert clean.translate(MIRRORED) in written


def test_pixels_that_are_not_coded_are_copied():
    written, planned = stripped(_mirrored(page(), RGB + SECRET))
    assert planned.removed == (blocks.STRAY,)
    assert RGB.translate(MIRRORED) in written
    assert SECRET.translate(MIRRORED) not in written
