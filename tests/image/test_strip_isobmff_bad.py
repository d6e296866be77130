"""HEIC and AVIF files that are damaged or lie about their sizes: a reason, or a clean file."""

import functools
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloak.errors import PhotoError, UnreadablePhotoError, UnsupportedPhotoError
from cloak.image.strip.base import Keep, Memory
from cloak.image.strip.isobmff import plan

from .contract import assert_clean, stripped, stripped_or_refused
from .isobmff_files import (
    AVIF,
    FEW,
    Item,
    box,
    build,
    coded,
    full,
    grid,
    like,
    refused,
)


@functools.cache
def whole(container):
    return build(grid(container), brands=AVIF if container == "avif" else b"heicmif1miaf")


def places(data):
    """Offsets of all boxes whose code is plainly there, and of the tables in them."""
    kinds = (b"ftyp", b"meta", b"hdlr", b"pitm", b"iloc", b"iinf", b"infe", b"iprp", b"ipco", b"ipma", b"iref", b"dimg")
    kinds += (b"auxl", b"cdsc", b"thmb", b"idat", b"mdat", b"hvcC", b"av1C", b"ispe", b"pixi", b"auxC", b"colr")
    return [data.index(kind) - 4 for kind in kinds if kind in data]


@settings(FEW, max_examples=400)
@given(data=st.data(), container=st.sampled_from(["heic", "avif"]))
def test_whatever_is_written_over_the_boxes_the_file_is_refused_or_clean(data, container):
    changed = bytearray(whole(container))
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.sampled_from(places(whole(container)))) + data.draw(st.integers(0, 40))
        value = data.draw(
            st.one_of(st.binary(min_size=1, max_size=4), st.sampled_from([b"\xff" * 4, bytes(4), bytes(8)]))
        )
        changed[start : start + len(value)] = value
    written = stripped_or_refused(bytes(changed), ())
    if written is not None:
        assert stripped(written)[0] == written


@settings(FEW, max_examples=150)
@given(data=st.data(), container=st.sampled_from(["heic", "avif"]))
def test_whatever_is_planned_the_second_reader_accepts(data, container):
    changed = bytearray(whole(container))
    start = data.draw(st.sampled_from(places(whole(container)))) + data.draw(st.integers(0, 30))
    changed[start] = data.draw(st.integers(0, 255))
    source = Memory(bytes(changed))
    try:
        planned = plan(source, Keep())
    except PhotoError:
        return
    assert_clean(b"".join(planned.blocks(source)))


@FEW
@given(head=st.sampled_from([b"", b"ftypheic", b"ftypavis"]), body=st.binary(max_size=200))
def test_random_bytes_are_refused(head, body):
    refused(struct.pack(">I", 16) + head + bytes(4) + b"mif1" + body)


@pytest.mark.parametrize("many", [2, 9])
def test_items_that_are_made_of_each_other_are_refused(many):
    ring = [Item(b"iden", b"", [], {b"dimg": [n % many + 1]}, hidden=True) for n in range(1, many + 1)]
    refused(build(ring), UnreadablePhotoError, "made of itself")
    deep = [Item(b"iden", b"", [], {b"dimg": [n + 1]}, hidden=True) for n in range(1, 30)]
    refused(build([*deep, coded()]), UnreadablePhotoError)


def test_what_lies_in_another_item_or_file_is_refused():
    data = bytearray(build([coded()]))
    start = data.index(b"iloc") + 12
    data[start + 3] = 2
    refused(bytes(data), UnsupportedPhotoError, "construction method")
    data[start + 3 : start + 6] = b"\0\0\1"
    refused(bytes(data), UnsupportedPhotoError)


def test_fragments_and_films_are_refused():
    refused(build([coded()], after=box(b"moof", b"")), UnsupportedPhotoError, "fragmented")
    refused(box(b"ftyp", b"avis", bytes(4), b"avis") + box(b"moov", full(b"mvhd", bytes(96))), UnsupportedPhotoError)


@pytest.mark.parametrize("kind", [b"jpeg", b"unci", b"vvc1", b"tmap", b"Exif"])
def test_a_main_picture_of_another_kind_is_refused(kind):
    refused(build([like(coded(), kind=kind)]), UnsupportedPhotoError)


@pytest.mark.parametrize(
    "claim", [b"\0\0\0\1meta" + b"\xff" * 8, b"\xff\xff\xff\xffmeta", b"\0\0\0\0meta", b"\0\0\0\7meta"]
)
def test_sizes_that_lie_are_refused(claim):
    refused(box(b"ftyp", b"heic", bytes(4)) + claim + bytes(4), UnreadablePhotoError)


def test_counts_that_lie_are_refused():
    for kind in (b"iloc", b"iinf", b"ipma"):
        data = bytearray(build([coded()]))
        start = data.index(kind) + 8
        if kind == b"iloc":
            start += 2
        data[start : start + 4] = b"\xff" * 4
        assert stripped_or_refused(bytes(data), ()) is None or kind == b"iinf"


def test_pictures_on_top_of_each_other_do_not_grow_without_bounds():
    item = coded()
    more = item.data[:6] + bytes([item.data[6] & 0x7F]) + item.data[7:]  # more slices of the same picture
    data = build([item, *(like(item, data=more) for _ in range(40))])
    changed = bytearray(data)
    start = data.index(b"iloc") + 12
    first = int.from_bytes(data[start + 8 : start + 12], "big")
    for entry in range(41):  # each of them from the first one to its own end
        struct.pack_into(">II", changed, start + 16 * entry + 8, first, len(item.data) * (entry + 1))
    refused(bytes(changed), UnreadablePhotoError, "on top of each other")
    same = bytearray(data)
    for entry in range(41):
        struct.pack_into(">I", same, start + 16 * entry + 8, first)
    written, _ = stripped(bytes(same))
    assert len(written) < len(data) - 30 * len(item.data)
