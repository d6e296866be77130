"""Animated AVIF and HEIC that are damaged or lie about their frames: a reason, or a clean file."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloak.errors import UnreadablePhotoError, UnsupportedPhotoError

from .contract import stripped, stripped_or_refused
from .isobmff_files import (
    FEW,
    box,
    like,
    refused,
)
from .isobmff_films import animation, film, inserted, pictures, track


@settings(FEW, max_examples=200)
@given(data=st.data(), alpha=st.booleans())
def test_whatever_is_written_over_the_tables_the_file_is_refused_or_clean(data, alpha):
    file = animation(alpha=alpha)
    changed = bytearray(file)
    kinds = [b"mvhd", b"tkhd", b"tref", b"elst", b"mdhd", b"hdlr", b"dref", b"stsd", b"av01", b"av1C", b"stts", b"stsc"]
    for _ in range(data.draw(st.integers(1, 3))):
        kind = data.draw(st.sampled_from([*kinds, b"stsz", b"stco", b"stss", b"auxi"]))
        start = max(file.find(kind, file.index(b"moov")) - 4, 0) + data.draw(st.integers(0, 40))
        value = data.draw(st.one_of(st.binary(min_size=1, max_size=4), st.sampled_from([b"\xff" * 4, bytes(4)])))
        changed[start : start + len(value)] = value
    written = stripped_or_refused(bytes(changed), ())
    if written is not None:
        assert stripped(written)[0] == written


def broken(old, new, *, skip=0):
    """An animation with bytes changed in the box `old`, after its first `skip` bytes of content."""
    data = bytearray(animation(alpha=False))
    start = data.index(old, data.index(b"moov")) + 4 + skip
    data[start : start + len(new)] = new
    return bytes(data)


@pytest.mark.parametrize(
    ("kind", "skip", "value"),
    [
        (b"stsz", 8, b"\xff\xff\xff\xff"),
        (b"stsz", 4, b"\xff\xff\xff\xff"),
        (b"stsz", 4, b"\0\0\0\1\xff\xff\xff\xff"),
        (b"stsc", 4, b"\xff\xff\xff\xff"),
        (b"stsc", 8, b"\0\0\0\2"),
        (b"stsc", 12, b"\0\0\0\1"),
        (b"stsc", 16, b"\0\0\0\2"),
        (b"stco", 4, b"\xff\xff\xff\xff"),
        (b"stco", 8, b"\xff\xff\xff\xff"),
        (b"stts", 4, b"\0\0\0\1"),
        (b"stss", 8, b"\0\0\0\x09"),
        (b"dref", 16, b"\0\0\0\0"),
        (b"av01", -4, b"encv"),
        (b"mdhd", -4, b"free"),
    ],
)
def test_tables_that_lie_are_refused(kind, skip, value):
    refused(broken(kind, value, skip=skip))


def test_fragments_are_refused():
    refused(inserted(animation(), [b"moov"], box(b"mvex", b"")), UnsupportedPhotoError, "fragmented")


def test_a_file_that_claims_millions_of_frames_is_refused_at_once():
    data = broken(b"stsz", struct.pack(">II", 1, 100_000_000), skip=4)
    refused(data, UnsupportedPhotoError, "100000000 frames")


def test_frames_that_lie_on_top_of_each_other_do_not_grow_without_bounds():
    item = pictures(1)[0]
    tiny = bytes([2 << 3 | 2, 0])

    def make(places):
        ((start, size),) = places
        shifted = [(start + len(tiny) * n, size - len(tiny) * n) for n in range(9)]
        return [track(item, shifted, chunks=[1] * 9, times=[(9, 100)])]

    refused(film([like(item, data=tiny * 9 + item.data)], make=make), UnreadablePhotoError, "on top of each other")
