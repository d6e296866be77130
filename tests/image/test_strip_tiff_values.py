"""TIFF: tags stay where they say how pixels are shown, in one form; where nothing heeds them they go."""

import struct

import pytest

from cloak.errors import ResidueError, UnreadablePhotoError
from cloak.image import blocks
from cloak.image.scan import scan

from .contract import frames, stripped
from .dirty import SECRET
from .tiff_files import DEFLATED, HEIGHT, LONG, PACKED, RATIONAL, RGB, SHORT, TILED, TILES, WIDTH, page, tiff, values

HIDDEN = struct.unpack("<12I", (SECRET * 9)[:48])
PLAIN = stripped(tiff((page(), [RGB])))[0]
YCBCR = page(t262=values(SHORT, 6), t530=values(SHORT, 1, 1))
LAB = page(t262=values(SHORT, 8))
INKS = page(t262=values(SHORT, 5), t277=values(SHORT, 4), t258=values(SHORT, 8, 8, 8, 8))
PACKBITS = page(t259=values(SHORT, 32773))


def written_tags(data):
    """The tags of the only page: type, count and bytes of the value or where it is."""
    return {tag: rest for tag, *rest in struct.iter_unpack("<HHII", data[10 : 10 + 12 * data[8]])}


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        (318, values(RATIONAL, *HIDDEN[:4])),
        (319, values(RATIONAL, *HIDDEN)),
        (529, values(RATIONAL, *HIDDEN[:6])),
        (532, values(RATIONAL, *HIDDEN)),
        (292, values(LONG, 0x53505347)),
        (293, values(LONG, 0x53505347)),
        (293, values(LONG, 2)),
        (317, values(SHORT, 2)),
        (332, values(SHORT, 1)),
        (334, values(SHORT, 4)),
        (530, values(SHORT, 2, 2)),
        (531, values(SHORT, 1)),
        (266, values(SHORT, 0x5347)),
        (338, values(SHORT, 0x5347)),
        (339, values(SHORT, 0x5347, 1, 1)),
    ],
)
def test_tags_that_nothing_heeds_go(tag, value):
    data = tiff((page() | {tag: value}, [RGB]))
    assert stripped(data)[0] == PLAIN
    with pytest.raises(ResidueError):
        scan(data)


@pytest.mark.parametrize(
    ("base", "tag", "value"),
    [
        (YCBCR, 529, (299, 1000, 587, 1000, 114, 1000)),
        (YCBCR, 532, (0, 1, 255, 1, 128, 1, 255, 1, 128, 1, 255, 1)),
        (LAB, 318, (3127, 10000, 3290, 10000)),
    ],
)
def test_fractions_stay_in_one_form(base, tag, value):
    unit = 1 if tag == 532 else 10_000
    other = tuple(number * 7 for number in value)
    exact = tuple(number for above, below in zip(value[::2], value[1::2]) for number in (above * unit // below, unit))  # noqa: B905
    data, twin = (tiff((base | {tag: values(RATIONAL, *numbers)}, [RGB])) for numbers in (value, other))
    written = stripped(data)[0]
    assert written == stripped(twin)[0]
    assert struct.pack(f"<{len(exact)}I", *exact) in written
    with pytest.raises(ResidueError):
        scan(tiff((base | {tag: values(RATIONAL, *other)}, [RGB])))


@pytest.mark.parametrize(
    ("base", "tag", "value"), [(YCBCR, 529, (3, 1) * 3), (YCBCR, 532, (1, 0) * 6), (LAB, 318, (2, 1) * 2)]
)
def test_fractions_that_are_none_go(base, tag, value):
    assert stripped(tiff((base | {tag: values(RATIONAL, *value)}, [RGB])))[0] == stripped(tiff((base, [RGB])))[0]


def test_tags_that_are_heeded_stay():
    assert {530, 531} <= set(written_tags(stripped(tiff((YCBCR | {531: values(SHORT, 1)}, [RGB])))[0]))
    inks = INKS | {332: values(SHORT, 1), 334: values(SHORT, 4)}
    assert {332, 334} <= set(written_tags(stripped(tiff((inks, [bytes(4 * WIDTH * HEIGHT)])))[0]))
    assert 317 in written_tags(stripped(tiff((DEFLATED[0] | {317: values(SHORT, 2)}, DEFLATED[1])))[0])


def test_rows_of_a_strip_are_as_many_as_there_are():
    for rows in (HEIGHT + 1, 0x53505347, 0xFFFFFFFF):
        data = tiff((page(t278=values(LONG, rows)), [RGB]))
        assert stripped(data)[0] == PLAIN
        with pytest.raises(ResidueError, match="rows"):
            scan(data)
    data = tiff((TILED | {278: values(LONG, 3)}, TILES), arrays=(324, 325))
    assert 278 not in written_tags(stripped(data)[0])
    with pytest.raises(ResidueError, match="rows"):
        scan(data)


def test_colours_that_are_shared_in_an_impossible_way_are_refused():
    with pytest.raises(UnreadablePhotoError, match="share their colours"):
        stripped(tiff((YCBCR | {530: values(SHORT, 0x5347, 1)}, [RGB])))


@pytest.mark.parametrize(
    ("run", "short"),
    [
        (b"\x7f" + b"abcdefgh" + SECRET * 12, b"\x07abcdefgh"),
        (b"\x81a", b"\xf9a"),
        (b"\x03abcd\xf0a", b"\x03abcd\xfda"),
        (b"\x06abcdefg\xf0h", b"\x06abcdefg\0h"),
    ],
)
def test_the_last_packed_run_ends_with_the_picture(run, short):
    grey = PACKBITS | page(t256=values(SHORT, 8), t257=values(SHORT, 1), t278=values(SHORT, 1), t258=values(SHORT, 8))
    grey |= {262: values(SHORT, 1), 277: values(SHORT, 1), 259: values(SHORT, 32773)}
    data, clean = (tiff((grey, [strip])) for strip in (run, short))
    written, planned = stripped(data)
    assert written == stripped(clean)[0]
    assert frames(written) == frames(data)
    assert planned.removed == (blocks.STRAY,)
    with pytest.raises(ResidueError, match="end where the picture does"):
        scan(data)


def test_packed_runs_that_fit_stay_as_they_are():
    assert stripped(tiff((PACKBITS, [PACKED])))[0].endswith(PACKED)
