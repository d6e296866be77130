"""HEIC and AVIF: what there may be one of is there once: properties, alpha planes, tracks that are shown, edits."""

import struct

import pytest

from cloak.errors import ResidueError, UnsupportedPhotoError
from cloak.image.scan import scan
from cloak.image.scan.isobmff_items import check_units

from .contract import stripped
from .dirty import SECRET
from .isobmff_files import AVIF, alpha_of, box, build, coded, full, like, refused
from .isobmff_films import film, pictures, track

BRANDS = {"heic": b"heicmif1miaf", "avif": AVIF}
each_container = pytest.mark.parametrize("container", BRANDS)
HIDDEN = (SECRET * 240)[:2400]
LIGHT = [(b"mdcv", HIDDEN[24 * n : 24 * n + 24], False) for n in range(100)]


def still(item, *more):
    return build([item, *more], brands=BRANDS["avif" if item.kind == b"av01" else "heic"])


@each_container
@pytest.mark.parametrize(
    ("kind", "body", "again"),
    [
        (b"mdcv", bytes(24), HIDDEN[:24]),
        (b"clli", bytes(4), HIDDEN[:4]),
        (b"pasp", struct.pack(">II", 1, 1), HIDDEN[:8]),
        (b"pixi", b"\0\0\0\0\3\x08\x08\x08", b"\0\0\0\0\4\1\2\3\4"),
        (b"colr", b"nclx\0\1\0\x0d\0\6\x80", b"nclx\x53\x54\x55\x56\0\6\x80"),
    ],
)
def test_a_property_that_comes_again_goes(container, kind, body, again):
    base = coded(container)
    rest = [owned for owned in base.properties if owned[0] != kind]
    once = like(base, properties=[*rest, (kind, body, False)])
    data = still(like(once, properties=[*once.properties, (kind, again, False)]))
    written, planned = stripped(data)
    assert written == stripped(still(once))[0]
    assert again not in written
    assert "properties that are there twice" in planned.removed


@each_container
def test_a_hundred_properties_of_one_kind_become_one(container):
    base = coded(container)
    written = stripped(still(like(base, properties=[*base.properties, *LIGHT])))[0]
    assert written.count(b"mdcv") == 1


@each_container
def test_the_second_reader_finds_a_property_that_comes_again(container):
    base = coded(container)
    written = stripped(still(like(base, properties=[*base.properties, *LIGHT[:1], (b"clli", HIDDEN[:4], False)])))[0]
    start = written.index(b"ipma") + 8
    count = written[start + 6]
    marks = written[start + 7 : start + 7 + count]
    twice = written[: start + 7] + marks[:-1] + marks[-2:-1] + written[start + 7 + count :]
    with pytest.raises(ResidueError, match="property twice"):
        scan(twice)


@each_container
@pytest.mark.parametrize("kind", [b"irot", b"imir"])
def test_a_picture_that_is_turned_twice_is_refused(container, kind):
    base = coded(container)
    turns = [(kind, b"\1", True), (kind, b"\0", True)]
    refused(still(like(base, properties=[*base.properties, *turns])), UnsupportedPhotoError, "twice")


@each_container
def test_two_alpha_planes_of_one_picture_are_refused(container):
    base = coded(container)
    alphas = [alpha_of(coded(container, turn=turn), 1) for turn in (180, 90)]
    for alpha in alphas:
        assert stripped(still(base, alpha))[0].count(alpha.data) == 1
    refused(still(base, *alphas), UnsupportedPhotoError, "two alpha planes")


def test_a_second_frame_in_a_still_avif_is_refused():
    base, second = coded("avif"), coded("avif", turn=90)
    refused(still(like(base, data=base.data + second.data)), UnsupportedPhotoError, "several pictures")
    whole = stripped(still(base))[0]
    with pytest.raises(ResidueError, match="2 frames"):
        check_units(b"av01", memoryview(base.data + second.data), b"", still=True)
    assert check_units(b"av01", memoryview(whole[whole.index(b"mdat") + 4 :]), b"", still=True) == set()


def test_frames_of_a_sequence_may_hold_others_that_help_to_decode_them():
    items = pictures(2, "avif")
    items[1] = like(items[1], data=items[1].data + items[0].data)
    assert items[1].data in stripped(film(items))[0]


def sequence(edits=b"", flags=0, start=0, rate=1 << 16, count=1):
    items = pictures(3, "avif")
    one = struct.pack(">III", 300, start, rate)
    head = box(b"edts", full(b"elst", struct.pack(">I", count), one * count + edits, flags=flags))
    return film(items, make=lambda places: [track(items[0], places, chunks=[3], times=[(3, 100)], head=head)])


def test_one_edit_stays():
    written = stripped(sequence(flags=1))[0]
    assert written.count(b"elst\1\0\0\1\0\0\0\1") == 1
    for bad in (b"\0\0\0\2", b"\0\0\0\0"):
        with pytest.raises(ResidueError):
            scan(written.replace(b"elst\1\0\0\1\0\0\0\1", b"elst\1\0\0\1" + bad))
    place = written.index(b"elst") + 12
    for at in (8, 16):
        with pytest.raises(ResidueError):
            scan(written[: place + at] + b"\x80" + written[place + at + 1 :])


@pytest.mark.parametrize(
    "options", [{"count": 2}, {"count": 1000}, {"start": 0x53544F50}, {"rate": 0x20000}, {"start": 0xFFFFFFFF}]
)
def test_edits_that_cut_a_sequence_together_are_refused(options):
    refused(sequence(**options), UnsupportedPhotoError, "cut together")


def two_tracks(first, second):
    """Two sequences of pictures, each on or off."""
    items = [*pictures(3, "avif"), coded("avif", turn=270)]

    def make(places):
        made = [
            track(items[0], places[:3], chunks=[3], times=[(3, 100)]),
            track(items[3], places[3:], number=2, chunks=[1], times=[(1, 100)]),
        ]
        for number, on in enumerate((first, second)):
            place = made[number].index(b"tkhd") + 7
            made[number] = made[number][:place] + bytes([made[number][place] & 0xFE | on]) + made[number][place + 1 :]
        return made

    return film(items, make=make), items


def test_a_track_that_is_switched_off_goes():
    data, items = two_tracks(1, 0)
    written, planned = stripped(data)
    assert items[0].data in written
    assert items[3].data not in written
    assert "image sequence that is switched off" in planned.removed


@pytest.mark.parametrize("flag", [0, 1])
def test_where_all_tracks_are_on_or_off_all_stay(flag):
    data, items = two_tracks(flag, flag)
    written = stripped(data)[0]
    assert all(item.data in written for item in items)
    place = written.rindex(b"tkhd") + 7
    with pytest.raises(ResidueError, match="switched off"):
        scan(written[:place] + bytes([written[place] ^ 1]) + written[place + 1 :])
