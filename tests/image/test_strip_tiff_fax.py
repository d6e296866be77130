"""Pixels that are coded as by a fax: what is behind their end goes, and where no end is told, nothing is written."""

import io

import pytest
from PIL import Image

from cloak.errors import ResidueError, UnsupportedPhotoError
from cloak.image import blocks
from cloak.image.scan import scan

from .contract import frames, stripped
from .dirty import SECRET
from .tiff_files import SHORT, pillow, tiff, values

MIRRORED = bytes(int(f"{each:08b}"[::-1], 2) for each in range(256))


def _strip(compression: str = "group4") -> tuple[int, int, bytes]:
    """Width, height and coded pixels of a picture."""
    data = pillow(compression, "1")
    with Image.open(io.BytesIO(data)) as image:
        (offset,), (count,) = image.tag_v2[273], image.tag_v2[279]
        return *image.size, data[offset : offset + count]


def _page(width: int, height: int, strip: bytes, *, coded: int = 4, order: int = 1) -> bytes:
    tags = {
        256: values(SHORT, width), 257: values(SHORT, height), 258: values(SHORT, 1), 259: values(SHORT, coded),
        262: values(SHORT, 0), 266: values(SHORT, order), 277: values(SHORT, 1), 278: values(SHORT, height),
    }  # fmt: skip
    return tiff((tags, [strip]))


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


def test_a_group_4_strip_without_its_end_is_refused():
    width, height, strip = _strip()
    with pytest.raises(UnsupportedPhotoError, match="without their end"):
        stripped(_page(width, height, strip[:-3]))


@pytest.mark.parametrize(("compression", "number"), [("tiff_ccitt", 2), ("group3", 3)])
def test_other_kinds_do_not_say_where_they_end_and_are_refused(compression, number):
    with pytest.raises(UnsupportedPhotoError, match=rf"fax \(number {number}\), which does not say where"):
        stripped(pillow(compression, "1"))
    with pytest.raises(ResidueError):
        scan(_page(60, 50, _strip(compression)[2], coded=number))
