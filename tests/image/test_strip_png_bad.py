"""PNG files that are cut off, damaged, or not for everybody: completed where decoders do so, else refused."""

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloak.errors import PhotoError, TooLargeError, UnreadablePhotoError, UnsupportedPhotoError

from .contract import stripped, stripped_or_refused
from .dirty import SECRET, chunk
from .png_files import FEW, MOVING, PLAIN, TEXT, inserted, kinds, replaced, stream


def test_an_animation_whose_frames_are_not_all_there_or_out_of_order_is_refused():
    fourth = replaced(MOVING, b"acTL", chunk(b"acTL", struct.pack(">II", 4, 0)))
    gap = MOVING.replace(b"fcTL\0\0\0\1", b"fcTL\0\0\0\2")
    lone = inserted(PLAIN, chunk(b"acTL", struct.pack(">II", 1, 0)), chunk(b"fdAT", bytes(9)))
    twice = inserted(MOVING, chunk(b"acTL", struct.pack(">II", 2, 0)))
    for data in (fourth, gap, lone, twice):
        with pytest.raises(UnreadablePhotoError, match="PNG"):
            stripped(data)


@pytest.mark.parametrize("kept", [b"IEND", b"tEXt"])
def test_a_file_that_is_cut_off_behind_its_last_pixel_is_completed(kept):
    data = inserted(PLAIN, TEXT, before=b"IEND")
    cut = data[: data.index(kept) + 5]
    assert stripped(cut)[0] == stripped(PLAIN)[0]


def test_a_file_that_is_cut_off_in_its_pixels_is_refused():
    whole = stream(PLAIN)
    for data in (PLAIN[: PLAIN.index(b"IEND") - 20], replaced(PLAIN, b"IDAT", chunk(b"IDAT", whole[:-1]))):
        with pytest.raises(UnreadablePhotoError):
            stripped(data)


def test_pixels_beyond_the_picture_are_refused():
    more = zlib.compress(zlib.decompress(stream(PLAIN)) + SECRET)
    with pytest.raises(UnreadablePhotoError, match="more pixels"):
        stripped(replaced(PLAIN, b"IDAT", chunk(b"IDAT", more)))


def test_pixels_with_a_wrong_checksum_or_in_two_runs_are_refused():
    flipped = bytearray(PLAIN)
    flipped[PLAIN.index(b"IEND") - 5] ^= 1
    split = stream(PLAIN)
    for data in (
        bytes(flipped),
        replaced(PLAIN, b"IDAT", chunk(b"IDAT", split[:50]), TEXT, chunk(b"IDAT", split[50:])),
    ):
        with pytest.raises(UnreadablePhotoError):
            stripped(data)


def test_files_for_iphones_alone_and_vital_parts_that_nobody_knows_are_refused_by_name():
    with pytest.raises(UnsupportedPhotoError, match="CgBI"):
        stripped(PLAIN[:8] + chunk(b"CgBI", b"\x50\0\x20\2") + PLAIN[8:])
    with pytest.raises(UnsupportedPhotoError, match="PRVT"):
        stripped(inserted(PLAIN, chunk(b"PRVT", SECRET)))


def test_a_bomb_is_refused_before_it_goes_off():
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1 << 30, 1 << 30, 8, 2, 0, 0, 0))
    with pytest.raises(TooLargeError, match="bytes of pixels"):
        stripped(replaced(PLAIN, b"IHDR", head))


@FEW
@given(
    kind=st.one_of(st.binary(min_size=4, max_size=4), st.sampled_from(sorted(set(kinds(MOVING)) | {b"PLTE", b"iCCP"}))),
    payload=st.binary(max_size=40),
    number=st.integers(0, 8),
)
def test_any_chunk_anywhere_leaves_a_clean_file_or_none(kind, payload, number):
    stripped_or_refused(inserted(MOVING, chunk(kind, payload), at=number), ())


@FEW
@given(data=st.binary(max_size=200))
def test_random_bytes_behind_a_signature_end_as_a_photo_error(data):
    for head in (PLAIN[:8], PLAIN[:33]):
        with pytest.raises(PhotoError):
            stripped(head + data)
