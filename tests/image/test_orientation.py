"""Which way is up survives damage; nothing else survives."""

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cloak.image.orientation import BLOCKS, ORIENTATIONS, block, in_exif, in_xmp, read

from .dirty import exif, xmp


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_what_is_read_and_what_is_written_agree(orientation):
    assert in_exif(exif(orientation)) == in_exif(b"Exif\0\0" + exif(orientation)) == orientation
    if orientation == 1:
        assert block(1) == b""
    else:
        assert in_exif(block(orientation)) == orientation
        assert block(orientation) in BLOCKS


@pytest.mark.parametrize("orientation", [*ORIENTATIONS][1:])
def test_a_library_reads_our_block_as_one_tag(orientation):
    parsed = Image.Exif()
    parsed.load(b"Exif\0\0" + block(orientation))
    assert dict(parsed) == {0x0112: orientation}
    assert len(block(orientation)) == 26


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_block_that_is_cut_off_behind_the_tag_still_says_it(orientation):
    whole = exif(orientation)
    end = whole.index(b"\x12\x01\x03\0") + 12
    assert in_exif(whole[:end]) == orientation
    assert in_exif(whole[: end - 1]) is None


@pytest.mark.parametrize(("kind", "value"), [("H", 3), ("I", 4), ("h", 8), ("i", 9)])
def test_it_is_read_from_every_type_of_number_that_writers_use(kind, value):
    entry = struct.pack("<HHI", 0x0112, value, 1) + struct.pack(f"<{kind}", 6).ljust(4, b"\0")
    assert in_exif(b"II*\0\x08\0\0\0\x01\0" + entry) == 6


def test_values_that_make_no_sense_are_upright():
    for value in (0, 9, 65535):
        assert in_exif(b"MM\0*" + struct.pack(">IHHHIHxxI", 8, 1, 0x0112, 3, 1, value, 0)) == 1


def test_exif_goes_before_xmp():
    packet = xmp().replace(b"<rdf:Description ", b'<rdf:Description tiff:Orientation="6" ')
    assert in_xmp(packet) == 6
    assert in_xmp(b"<tiff:Orientation>8</tiff:Orientation>") == 8
    assert read(exif(3), packet) == 3
    assert read(exif(1), packet) == 1
    assert read(b"", packet) == read(b"Exif\0\0broken", packet) == 6
    assert read() == read(xmp=xmp()) == 1


@given(data=st.binary(max_size=120), head=st.sampled_from([b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", exif(6)[:30]]))
def test_no_bytes_crash_the_reader(data, head):
    assert in_exif(head + data) in {None, *ORIENTATIONS}
    assert in_xmp(data) in {None, *ORIENTATIONS}


def test_viewers_turn_a_picture_by_our_block():
    buffer = io.BytesIO()
    Image.new("RGB", (8, 4)).save(buffer, "JPEG", exif=b"Exif\0\0" + block(6))
    assert Image.open(buffer).getexif()[0x0112] == 6
