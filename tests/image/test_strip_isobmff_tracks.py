"""Animated AVIF and HEIC: every frame, its alpha and its timing stay; dates, names, sound and depth go."""

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloak.errors import UnsupportedPhotoError
from cloak.image import blocks
from cloak.image.bmff import boxes

from .contract import Case, Contract, assert_clean, frames, stripped
from .dirty import SECRET, exif, xmp
from .isobmff_files import (
    ALPHA,
    AV1_TEXT,
    DEPTH,
    FEW,
    SIGNED,
    box,
    full,
    like,
    refused,
)
from .isobmff_films import animation, film, inserted, pictures, track

UNITY = struct.pack(">9I", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)


def dirty_animation(**options):
    """An animation with EXIF, XMP, user data in every place, and a private box."""
    data = animation(exif=exif(), xmp=xmp(), **options)
    private = box(b"udta", box(b"\xa9xyz", SECRET), box(b"\xa9too", SECRET)) + box(b"zzzz", SECRET)
    for path in (
        [b"moov"],
        [b"moov", b"trak"],
        [b"moov", b"trak", b"mdia"],
        [b"moov", b"trak", b"mdia", b"minf", b"stbl"],
    ):
        data = inserted(data, path, private)
    data = inserted(data, [b"moov"], box(b"iods", SECRET), at_end=True)
    return data + box(b"free", SECRET) + box(b"uuid", SECRET * 2)


def signed_film(container="avif"):
    """Frames with messages of the encoder in them, dates and names."""
    message = AV1_TEXT if container == "avif" else struct.pack(">I", len(SIGNED)) + SIGNED
    items = [like(item, data=message + item.data) for item in pictures(3, container)]
    times = [(1, 50), (2, 70)]

    def make(places):
        return [track(items[0], places, chunks=[1, 1, 1], times=times, when=1, name=SECRET, table=box(b"zzzz", SECRET))]

    brands = b"avismsf1miaf" if container == "avif" else b"hevcmsf1miaf"
    return film(items, brands=brands, make=make, when=7, extra=box(b"udta", SECRET), gap=SECRET)


def helped(kind, *, link=b"auxl", handler=b"auxv"):
    """A film with a second track that belongs to the first."""
    items = pictures(4)

    def make(places):
        url = full(b"auxi", kind + b"\0")
        main = track(items[0], places[:2], chunks=[2], times=[(2, 100)])
        links = box(link, struct.pack(">I", 1))
        options = {"number": 2, "handler": handler, "links": links, "entry": url}
        return [main, track(items[0], places[2:], chunks=[2], times=[(2, 100)], **options)]

    return film(items, make=make)


def samples(data):
    """What the frames consist of, and how long each lasts: read from the tables of the first track."""
    table = {one.kind: one.body for one in _walk(memoryview(data), b"moov", b"trak", b"mdia", b"minf", b"stbl")}
    count = int.from_bytes(table[b"stsz"][8:12], "big")
    sizes = struct.unpack(f">{count}I", table[b"stsz"][12:])
    (place,) = struct.unpack(">I", table[b"stco"][8:12])
    found = []
    for size in sizes:
        found.append(data[place : place + size])
        place += size
    runs = struct.unpack(f">{(len(table[b'stts']) - 8) // 4}I", table[b"stts"][8:])
    return found, runs


def _walk(data, *path):
    found = list(boxes(data))
    for kind in path:
        found = list(boxes(next(one.body for one in found if one.kind == kind)))
    return found


class TestTracks(Contract):
    CASES = (
        Case("animation", dirty_animation(alpha=False), (blocks.GPS, blocks.XMP, blocks.WHEN, blocks.SOFTWARE)),
        Case("animation with alpha", dirty_animation(), (blocks.GPS, blocks.XMP, blocks.WHEN)),
        Case("two frames", dirty_animation(count=2), (blocks.GPS,)),
        Case("signed frames", signed_film(), ("messages of the encoder inside the picture", blocks.WHEN)),
        Case("signed frames, heic", signed_film("heic"), (blocks.WHEN,), shown=lambda data: samples(stripped(data)[0])),
        Case("a film that is called an image sequence", film(pictures(3), make=None), ()),
    )
    FLIPS = 100


def test_all_frames_and_their_timing_stay():
    data = dirty_animation(count=5)
    written, _ = stripped(data)
    assert [frame[3] for frame in frames(written)] == [100, 200, 300, 400, 500]
    assert frames(written) == frames(data)
    assert b"\0\0\0\0" * 4 in written


def test_frames_of_a_heic_sequence_stay_bit_for_bit():
    items = pictures(3, "heic")
    found, runs = samples(stripped(signed_film("heic"))[0])
    assert found == [item.data for item in items]
    assert runs == (1, 50, 2, 70)


@FEW
@given(
    count=st.integers(1, 6),
    wide=st.booleans(),
    gap=st.sampled_from([b"", SECRET]),
    data=st.data(),
)
def test_however_frames_are_stored_they_stay(count, wide, gap, data):
    items = pictures(count)
    cuts = sorted(data.draw(st.sets(st.integers(1, count - 1)))) if count > 1 and not gap else list(range(1, count))
    chunks = [end - start for start, end in zip([0, *cuts], [*cuts, count], strict=True)]
    times = [(length, data.draw(st.integers(1, 500))) for length in chunks]

    def make(places):
        return [track(items[0], places, chunks=chunks, times=times, wide=wide, when=5)]

    file = film(items, make=make, gap=gap)
    written, _ = stripped(file)
    assert_clean(written)
    assert frames(written) == frames(file)
    assert len(frames(written)) == count
    assert stripped(written)[0] == written


def test_sizes_of_two_bytes_are_the_same_as_sizes_of_four():
    items = pictures(3)

    def made(**options):
        return film(items, make=lambda places: [track(items[0], places, chunks=[3], times=[(3, 100)], **options)])

    assert stripped(made(compact=True))[0] == stripped(made())[0]


@pytest.mark.parametrize("kind", [ALPHA, DEPTH])
def test_alpha_stays_and_depth_goes(kind):
    data = helped(kind)
    written, planned = stripped(data)
    assert (blocks.DEPTH in planned.removed) == (kind == DEPTH)
    assert written.count(b"trak") == (2 if kind == ALPHA else 1)
    assert frames(written) == frames(data)


@pytest.mark.parametrize(
    ("handler", "link", "name"),
    [
        (b"soun", b"cdsc", "sound"),
        (b"vide", b"cdsc", blocks.MOTION),
        (b"pict", b"thmb", blocks.THUMBNAIL),
        (b"meta", b"cdsc", "private track (meta)"),
        (b"auxv", b"cdsc", "private track (auxv)"),
    ],
)
def test_other_tracks_go(handler, link, name):
    data = helped(ALPHA, link=link, handler=handler)
    written, planned = stripped(data)
    assert name in planned.removed
    assert written.count(b"trak") == 1
    assert [frame[2] for frame in frames(written)] == [frame[2] for frame in frames(film(pictures(2)))]


def test_a_film_beside_a_still_picture_goes_and_the_picture_stays():
    items = pictures(2)

    def make(places):
        return [track(items[0], places, handler=b"vide", chunks=[2], times=[(2, 100)])]

    movie = film(items, make=make)
    start = movie.index(b"moov") - 4
    still = animation(count=1)
    written, planned = stripped(still + movie[start:])
    assert blocks.MOTION in planned.removed
    assert frames(written) == frames(still)
    refused(film(items, brands=b"avifmif1", make=make), UnsupportedPhotoError, "film")


def test_frames_that_are_called_a_film_stay_in_an_image_sequence():
    data = bytearray(animation())
    start = data.index(b"pict", data.index(b"moov"))
    data[start : start + 4] = b"vide"
    assert frames(stripped(bytes(data))[0]) == frames(bytes(data))


def test_an_item_that_is_the_first_frame_is_written_once():
    data = animation(alpha=False)
    written, _ = stripped(data)
    assert len(written) <= len(data)


def test_edits_start_frames_and_shifts_stay():
    edits = full(b"elst", struct.pack(">IIIHH", 1, 300, 0, 1, 0), flags=1)
    shifts = full(b"ctts", struct.pack(">III", 1, 3, 5))
    starts = full(b"stss", struct.pack(">III", 2, 1, 3))
    items = pictures(3)

    def make(places):
        table = shifts + starts
        return [track(items[0], places, chunks=[3], times=[(3, 100)], table=table, head=box(b"edts", edits))]

    written, _ = stripped(film(items, make=make))
    assert shifts in written
    assert starts in written
    assert full(b"elst", struct.pack(">IQQHH", 1, 300, 0, 1, 0), version=1, flags=1) in written


def test_frames_that_are_shown_again_are_written_once():
    items = pictures(2)

    def make(places):
        return [track(items[0], places * 9, chunks=[1] * 18, times=[(18, 100)])]

    data = film(items, make=make)
    written, _ = stripped(data)
    assert frames(written) == frames(data)
    assert len(frames(written)) == 18
    assert len(written) < len(data) + 200


def test_what_follows_a_sequence_is_named():
    written, planned = stripped(animation(alpha=False) + b"PK\3\4" + SECRET)
    assert blocks.TRAILER in planned.removed
    assert written == stripped(animation(alpha=False))[0]
    assert io.BytesIO(written).read(12)[4:] == b"ftypavis"


@pytest.mark.parametrize(
    ("matrix", "stays"),
    [
        ((0, 1, 0, -1, 0, 0, 40, 0), True),  # turned, and moved back into sight
        ((-1, 0, 0, 0, 1, 0, 0, 7), True),
        ((1, 0, 3, 0, 1, 0, 0, 0), False),
        ((2, 0, 0, 0, 1, 0, 0, 0), False),
    ],
)
def test_the_way_up_of_a_track_stays_and_what_makes_no_sense_goes(matrix, stays):
    stored = struct.pack(">9i", *(value << 16 for value in matrix), 1 << 30)
    data = animation().replace(UNITY, stored)
    assert stripped(data)[0].count(stored if stays else UNITY) == 3
