"""TIFF pages that are not coded: bits behind rows, and of tiles beyond the page's edge, are zero."""

import zlib

import pytest

from cloak.errors import ResidueError
from cloak.image import blocks
from cloak.image.scan import scan

from .contract import frames, stripped
from .dirty import SECRET
from .tiff_files import LONG, RGB, SHORT, TILED, TILES, page, tiff, values

HIDDEN = SECRET * 7000
MIRRORED = bytes(int(f"{each:08b}"[::-1], 2) for each in range(256))


def grey(width, height, bits=8, **changes):
    tags = {"t256": values(SHORT, width), "t257": values(SHORT, height), "t258": values(SHORT, bits)}
    return page(**tags, t262=values(SHORT, 1), t277=values(SHORT, 1), t278=values(SHORT, height), **changes)


def assert_cleared(tags, strip, clean, arrays=(273, 279)):
    """Check that a strip is written as the clean one, and that the second reader takes that alone."""
    data = tiff((tags, [strip]), arrays=arrays)
    written, planned = stripped(data)
    assert written == stripped(tiff((tags, [clean]), arrays=arrays))[0]
    assert clean in written
    assert planned.removed == (blocks.STRAY,)
    assert frames(written) == frames(data)
    scan(tiff((tags, [clean]), arrays=arrays))
    with pytest.raises(ResidueError, match="no pixels"):
        scan(tiff((tags, [strip]), arrays=arrays))


@pytest.mark.parametrize(("bits", "width", "mask"), [(1, 1, 0x80), (1, 7, 0xFE), (1, 4, 0xF0), (4, 1, 0xF0)])
def test_bits_behind_rows_are_zero(bits, width, mask):
    strip = HIDDEN[:500]
    assert_cleared(grey(width, 500, bits), strip, bytes(byte & mask for byte in strip))


def test_bits_behind_rows_that_begin_with_the_lowest_are_zero():
    strip = HIDDEN[:500]
    assert_cleared(grey(3, 500, 1) | {266: values(SHORT, 2)}, strip, bytes(byte & 0b111 for byte in strip))


@pytest.mark.parametrize(("width", "height"), [(16, 16), (16, 64), (50, 3)])
def test_what_a_tile_holds_beyond_the_edge_is_zero(width, height):
    tags = grey(width, height) | {322: values(SHORT, 64), 323: values(SHORT, 64)}
    del tags[278]
    strip = HIDDEN[: 64 * 64]
    rows = [strip[64 * row : 64 * row + width].ljust(64, b"\0") if row < height else bytes(64) for row in range(64)]
    assert_cleared(tags, strip, b"".join(rows), (324, 325))


def test_tiles_of_the_same_bytes_that_show_different_parts_are_told_apart():
    tile = TILES[0]
    apart = tiff((TILED, [tile] * 4), arrays=(324, 325))
    shared = TILED | {324: values(LONG, *[8] * 4), 325: values(LONG, *[len(tile)] * 4)}
    written = stripped(tiff((shared, [tile]), tail=bytes(3 * len(tile))))[0]
    assert frames(written) == frames(apart)
    assert written == stripped(apart)[0]


@pytest.mark.parametrize("code", [8, 32946])
@pytest.mark.parametrize("order", [1, 2])
def test_rows_behind_the_last_one_of_a_deflated_page_go(code, order):
    def packed(content):
        data = zlib.compress(content)
        return data.translate(MIRRORED) if order == 2 else data

    tags = page(t259=values(SHORT, code), t278=values(SHORT, 16), t266=values(SHORT, order))
    first, rest = RGB[: 16 * 120], RGB[16 * 120 :]
    data = tiff((tags, [packed(first), packed(rest + (SECRET * 96)[: 8 * 120])]))
    written, planned = stripped(data)
    assert written == stripped(tiff((tags, [packed(first), packed(rest)])))[0]
    assert frames(written) == frames(data)
    assert planned.removed == (blocks.STRAY,)
    with pytest.raises(ResidueError, match="end where the picture does"):
        scan(data)


def test_what_is_full_stays_a_part_of_the_original():
    data = tiff((page(), [RGB]))
    assert stripped(data)[1].removed == ()
    assert RGB in stripped(data)[0]
