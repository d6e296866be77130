"""The second reader of HEIC and AVIF: what stripping writes passes, and nothing that anybody could add to it."""

import struct
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloak.errors import PhotoError, ResidueError
from cloak.image.scan import scan
from cloak.image.strip.base import Keep, Memory
from cloak.image.strip.isobmff import plan

from .contract import stripped
from .dirty import SECRET
from .isobmff_files import (
    AV1_PADDING,
    AV1_TEXT,
    SIGNED,
    alpha_of,
    box,
    build,
    coded,
    full,
    grid,
    like,
)
from .isobmff_films import animation, film

FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@cache
def clean(name):
    return stripped(
        {
            "heic": lambda: build(grid()),
            "avif": lambda: build([coded("avif"), alpha_of(coded("avif"), 1)], brands=b"avifmif1"),
            "moving": animation,
            "film": lambda: film([coded("avif", turn=turn) for turn in (0, 90)]),
        }[name]()
    )[0]


NAMES = ("heic", "avif", "moving", "film")
PATHS = [
    *([], [b"meta"], [b"meta", b"iinf"], [b"meta", b"iprp"], [b"meta", b"iprp", b"ipco"], [b"meta", b"iref"]),
    *([b"moov"], [b"moov", b"trak"], [b"moov", b"trak", b"mdia"], [b"moov", b"trak", b"mdia", b"minf"]),
    *([b"moov", b"trak", b"mdia", b"minf", b"stbl"], [b"moov", b"trak", b"mdia", b"minf", b"dinf"]),
    *([b"moov", b"trak", b"edts"], [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"]),
    [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"av01"],
]


def added(data, path, extra):
    """The file with a box at the end of another, all offsets in `meta` and `moov` set right."""
    start, stop, changed = 0, len(data), bytearray(data)
    for kind in path:
        start = data.index(kind, start, stop) - 4
        stop = start + int.from_bytes(data[start : start + 4], "big")
        struct.pack_into(">I", changed, start, stop - start + len(extra))
    if not path:
        stop = data.index(b"mdat") - 4
    table = data.find(b"iloc")
    if table > 0:
        position = table + 12
        for _ in range(int.from_bytes(data[table + 10 : table + 12], "big")):
            _, stored, _, count, offset = struct.unpack_from(">HHHHI", data, position)
            if not stored:
                struct.pack_into(">I", changed, position + 8, offset + len(extra))
            position += 8 + 8 * count
    table = data.find(b"stco")
    while table > 0:
        struct.pack_into(">I", changed, table + 12, int.from_bytes(data[table + 12 : table + 16], "big") + len(extra))
        table = data.find(b"stco", table + 1)
    return bytes(changed[:stop]) + extra + bytes(changed[stop:])


def replaced(data, kind, skip, value):
    """The file with bytes changed in the content of its first box of a kind."""
    start = data.index(kind) + 4 + skip
    return data[:start] + value + data[start + len(value) :]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_passes(name):
    scan(clean(name))


@pytest.mark.parametrize("name", NAMES)
@FEW
@given(kind=st.sampled_from([b"free", b"udta", b"uuid", b"meta", b"Exif", b"hdlr", b"colr", b"infe"]), data=st.data())
def test_any_box_put_in_anywhere_is_refused(name, kind, data):
    path = data.draw(st.sampled_from([path for path in PATHS if all(part in clean(name) for part in path)]))
    changed = added(clean(name), path, box(kind, data.draw(st.binary(max_size=30))))
    with pytest.raises(ResidueError):
        scan(changed)


@settings(FEW, max_examples=300)
@given(name=st.sampled_from(NAMES), value=st.integers(0, 255), data=st.data())
def test_what_passes_is_what_would_be_written(name, value, data):
    changed = bytearray(clean(name))
    changed[data.draw(st.integers(0, clean(name).index(b"mdat")))] = value
    changed = bytes(changed)
    try:
        scan(changed)
        again = Memory(changed)
        planned = plan(again, Keep())
    except PhotoError:
        return
    assert planned.removed == ()
    assert planned.size == len(changed)


@pytest.mark.parametrize(
    ("name", "kind", "skip", "value"),
    [
        ("moving", b"mvhd", 8, b"\x01"),
        ("moving", b"tkhd", 19, b"\x01"),
        ("moving", b"mvhd", 50, b"\x01"),  # the matrix
        ("moving", b"mdhd", 4, b"\x01"),
        ("moving", b"mdhd", 32, b"\x15\xc7"),  # a language
        ("moving", b"mvhd", 38, b"\x01"),
        ("film", b"av01", 50, b"A"),  # the compressor's name
        ("moving", b"dref", 15, b"\0"),
        ("moving", b"stsc", 7, b"\x09"),
        ("moving", b"stsz", 3, b"\x01"),
        ("moving", b"stss", 11, b"\x09"),
        ("moving", b"ccst", 7, b"\x01"),
        ("film", b"hdlr", 12, b"A"),
        ("film", b"hdlr", 8, b"soun"),
        ("film", b"stco", 11, b"\0"),
        ("avif", b"hdlr", 12, b"A"),
        ("avif", b"ftyp", 4, b"A"),
        ("avif", b"ftyp", 8, b"AAAA"),
        ("avif", b"pitm", 5, b"\x09"),
        ("avif", b"iloc", 9, b"\2"),  # in another item
        ("avif", b"iloc", 11, b"\1"),  # in another file
        ("avif", b"infe", 7, b"\1"),  # protected
        ("avif", b"infe", 8, b"Exif"),
        ("avif", b"auxC", 4, b"urn:mpeg:mpegB:cicp:systems:auxiliary:depth"),
        ("avif", b"av1C", 3, b"\xff"),
        ("avif", b"colr", 10, b"\x81"),
        ("avif", b"colr", 0, b"prof"),
        ("avif", b"pixi", 0, b"\1"),
        ("heic", b"hvcC", 13, b"\0"),
        ("heic", b"idat", 2, b"\7"),  # rows of a grid
    ],
)
def test_a_field_that_should_be_fixed_is(name, kind, skip, value):
    with pytest.raises(ResidueError):
        scan(replaced(clean(name), kind, skip, value))


@pytest.mark.parametrize("unit", [AV1_TEXT, AV1_PADDING, bytes([7 << 3 | 2, 0]), bytes([9 << 3 | 2, 1, 0])])
def test_units_that_are_not_picture_are_refused_in_avif(unit):
    item = coded("avif")
    with pytest.raises(ResidueError, match="unit of kind"):
        scan(build([like(item, data=item.data + unit)], brands=b"avifmif1"))


@pytest.mark.parametrize("kind", [35, 38, 39, 40, 41, 48, 63])
def test_units_that_are_not_picture_are_refused_in_heic(kind):
    item = coded()
    unit = bytes([kind << 1]) + SIGNED[1:]
    with pytest.raises(ResidueError, match="unit of kind"):
        scan(build([like(item, data=item.data + struct.pack(">I", len(unit)) + unit)]))


@pytest.mark.parametrize("options", [{"gap": b"x"}, {"gap": SECRET}, {"parts": 2}, {"properties": [(b"irot", b"\1")]}])
def test_bytes_and_properties_that_nothing_uses_are_refused(options):
    scan(build([coded()]))
    with pytest.raises(ResidueError):
        scan(build([coded()], **options))


def test_a_hidden_picture_that_belongs_to_none_is_refused():
    with pytest.raises(ResidueError, match="not part"):
        scan(build([coded(), like(coded(), hidden=True)]))


def test_a_film_that_claims_millions_of_frames_is_refused_at_once():
    data = replaced(clean("film"), b"stsz", 8, b"\x7f\xff\xff\xff")
    with pytest.raises(ResidueError):
        scan(data)


def test_a_version_that_we_do_not_write_is_refused():
    with pytest.raises(ResidueError, match="version"):
        scan(replaced(clean("avif"), b"meta", 0, b"\1"))
    assert full(b"meta")[8:] == bytes(4)
