"""HEIC and AVIF: what of tiles, layers and frames is not shown is told; parts that are not shown at all are refused."""

import struct

import pytest

from cloak.errors import ResidueError, UnsupportedPhotoError
from cloak.image.codec import decode
from cloak.image.scan import scan

from .contract import frames, stripped
from .isobmff_files import AVIF, Item, build, coded, grid, ispe, like, refused
from .isobmff_films import film, pictures, track

HEIC = b"heicmif1miaf"
FORMS = pytest.mark.parametrize(("container", "brands"), [("heic", HEIC), ("avif", AVIF)])


def tiled(container, width, height, *, columns=2, rows=1, wide=False, turn=None):
    """A grid of 64 x 64 tiles on a canvas."""
    recipe = struct.pack(">BBBB" + ("II" if wide else "HH"), 0, wide, rows - 1, columns - 1, width, height)
    count = columns * rows
    tiles = [like(coded(container, turn=90 * number), hidden=True) for number in range(count)]
    if turn:
        tiles = [like(tile, properties=[*tile.properties, turn]) for tile in tiles]
    whole = Item(b"grid", recipe, [ispe(width, height)], {b"dimg": list(range(2, 2 + count))}, stored=True)
    return [whole, *tiles]


def layered(container, *corners, canvas=(100, 80), wide=False):
    """Pictures of 64 x 64 pixels on a canvas."""
    number, place = ("I", "i") if wide else ("H", "h")
    places = [coordinate for corner in corners for coordinate in corner]
    form = f">BB4H2{number}{len(places)}{place}"
    recipe = struct.pack(form, 0, wide, 0xFFFF, 0, 0, 0xFFFF, *canvas, *places)
    layers = [like(coded(container, turn=90 * index), hidden=True) for index in range(len(corners))]
    return [Item(b"iovl", recipe, [ispe(*canvas)], {b"dimg": list(range(2, 2 + len(corners)))}, stored=True), *layers]


def noted(items, brands):
    """What is said of a file that is written."""
    written, planned = stripped(build(items, brands=brands))
    assert stripped(written)[1].notes == planned.notes
    return planned.notes


@FORMS
@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("canvas", [(128, 64), (126, 64), (100, 50), (65, 1)])
def test_what_fills_the_last_tiles_is_no_reason_to_worry(container, brands, wide, canvas):
    assert noted(tiled(container, *canvas, wide=wide), brands) == ()


@FORMS
@pytest.mark.parametrize(
    ("canvas", "shape", "told"),
    [((64, 64), (2, 1), "right 64"), ((40, 64), (2, 1), "right 88"), ((128, 60), (2, 2), "bottom 68")],
)
def test_whole_tiles_beyond_the_edge_are_refused(container, brands, canvas, shape, told):
    data = build(tiled(container, *canvas, columns=shape[0], rows=shape[1]), brands=brands)
    refused(data, UnsupportedPhotoError, f"hidden .pixels: {told}.: ")
    clean = stripped(build(tiled(container, 128, 64 * shape[1], columns=shape[0], rows=shape[1]), brands=brands))[0]
    full = struct.pack(">BBBBHH", 0, 0, shape[1] - 1, shape[0] - 1, 128, 64 * shape[1])
    assert clean.count(full) == 1
    scan(clean)
    with pytest.raises(ResidueError, match=r"grid that hides . of its pictures"):
        scan(clean.replace(full, full[:4] + struct.pack(">HH", *canvas)))


def test_only_what_helps_is_recommended_for_hidden_tiles():
    data = build(tiled("heic", 64, 64), brands=HEIC)
    refused(data, UnsupportedPhotoError, "use --reencode")
    assert decode(data).pixels.shape[-2:] == (64, 64)  # what encoding anew starts from
    refused(build(tiled("avif", 64, 64), brands=AVIF), UnsupportedPhotoError, "hidden .pixels: right 64.: export it")


def test_tiles_that_are_turned_are_measured_as_they_lie():
    for turn in (b"\1", b"\3"):
        items = tiled("heic", 128, 64, turn=(b"irot", turn, True))
        upright = [(kind, struct.pack(">III", 0, 64, 80) if kind == b"ispe" else body, mark)
                   for kind, body, mark in items[1].properties]  # fmt: skip
        turned = [items[0], *(like(tile, properties=upright) for tile in items[1:])]
        assert noted(turned, HEIC) == ()  # 80 wide each
        narrow = [like(turned[0], data=turned[0].data.replace(struct.pack(">H", 128), struct.pack(">H", 80)))]
        refused(build([*narrow, *turned[1:]], brands=HEIC), UnsupportedPhotoError, "hidden .pixels: right 80.")


@FORMS
@pytest.mark.parametrize("wide", [False, True])
def test_what_layers_hold_beyond_the_edge_is_told(container, brands, wide):
    assert noted(layered(container, (0, 0), (36, 16), wide=wide), brands) == ()
    (note,) = noted(layered(container, (-20, 0), (50, -7), wide=wide), brands)
    assert "pictures in it reach beyond the edge (pixels: left 20, right 14, top 7): " in note
    written = stripped(build(layered(container, (-20, 0), (50, -7), wide=wide), brands=brands))[0]
    assert written.count(b"iovl") == 1


@FORMS
@pytest.mark.parametrize("corner", [(-64, 0), (100, 0), (0, -64), (0, 80), (-200, -200)])
def test_a_layer_of_which_nothing_is_shown_is_refused(container, brands, corner):
    refused(build(layered(container, (0, 0), corner), brands=brands), UnsupportedPhotoError, "hidden")
    clean = stripped(build(layered(container, (0, 0), (1, 2)), brands=brands))[0]
    scan(clean)
    with pytest.raises(ResidueError, match="iovl that hides 1 of its pictures"):
        scan(clean.replace(struct.pack(">4h", 0, 0, 1, 2), struct.pack(">4h", 0, 0, *corner)))


def test_what_phones_write_is_written():
    data = build(grid())
    written, planned = stripped(data)
    assert frames(written) == frames(data)
    assert planned.notes == ()


@pytest.mark.parametrize(
    ("shown", "told"), [((64, 64), False), ((63, 64), False), ((32, 32), True), ((64, 20), True), ((90, 90), False)]
)
def test_frames_that_are_shown_smaller_than_they_are_stored_are_told(shown, told):
    items = pictures(2)
    full = struct.pack(">II", 64 << 16, 64 << 16)

    def make(places):
        made = track(items[0], places, chunks=[2], times=[(2, 100)])
        assert made.count(full) == 1
        return [made.replace(full, struct.pack(">II", shown[0] << 16, shown[1] << 16))]

    _, planned = stripped(film(items, make=make))
    sizes = f"its frames are stored larger (64 x 64 pixels) than they are shown ({shown[0]} x {shown[1]})"
    assert planned.notes == ((sizes,) if told else ())
