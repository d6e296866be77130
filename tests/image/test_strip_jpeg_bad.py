"""JPEG files that are cut off, damaged or enormous: what decoders show stays, all else is refused."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFile

from cloak.errors import PhotoError, UnreadablePhotoError, UnsupportedPhotoError
from cloak.image.strip.base import CUT_OFF, Keep, Memory
from cloak.image.strip.jpeg import plan
from cloak.image.structure import jpeg_segments

from .contract import stripped, stripped_or_refused
from .dirty import SECRET, exif, jpeg, scene, segment
from .jpeg_files import FEW, PLAIN, PROGRESSIVE, cmyk, inserted


def pixels(data):
    with Image.open(io.BytesIO(data)) as image:
        return image.tobytes()


@pytest.mark.parametrize(
    "data",
    [PLAIN, PROGRESSIVE, jpeg(scene(), restart_marker_blocks=3), cmyk(), jpeg(scene(), exif=exif(6), comment=SECRET)],
    ids=["baseline", "progressive", "restarts", "CMYK", "EXIF"],
)
def test_a_file_cut_off_in_a_scan_shows_what_it_showed_and_says_so(data, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    scans = [(piece.end - 1, piece.start) for piece in jpeg_segments(data) if piece.kind == b"\xda"]
    cut = 0
    for size in range(scans[0][1] + 40, len(data), max(1, len(data) // 60)):
        inside = any(start + 14 < size <= end for end, start in scans)
        try:
            written, planned = stripped(data[:size])
        except UnreadablePhotoError:
            assert not inside
            continue
        assert planned.notes == (CUT_OFF,)
        assert pixels(written) == pixels(data[:size])
        cut += 1
    assert cut >= 15


@pytest.mark.parametrize("size", [1, 2])
def test_only_the_end_marker_may_be_missing_too(size):
    written, planned = stripped(PLAIN[:-size])
    assert written == stripped(PLAIN)[0]
    assert planned.notes == (CUT_OFF,)


def test_a_file_that_ends_before_its_first_pixel_or_between_scans_is_refused():
    scans = [piece.start for piece in jpeg_segments(PROGRESSIVE) if piece.kind == b"\xda"]
    header = 4 + int.from_bytes(PROGRESSIVE[scans[0] + 2 : scans[0] + 4], "big") - 2
    for end in (scans[0], scans[0] + 3, scans[0] + header, scans[1] - 20, scans[1] + 3):
        with pytest.raises(UnreadablePhotoError, match="truncated"):
            stripped(PROGRESSIVE[:end])


@pytest.mark.parametrize("marker", [0xC5, 0xCF, 0xDE, 0xF7])
def test_kinds_that_nothing_shows_are_refused_by_name(marker):
    start = PLAIN.index(b"\xff\xc0")
    with pytest.raises(UnsupportedPhotoError, match=f"marker {marker:02x}"):
        stripped(PLAIN[: start + 1] + bytes([marker]) + PLAIN[start + 2 :])


def test_a_second_start_a_second_frame_and_odd_tables_are_refused():
    frame = next(PLAIN[piece.start : piece.end] for piece in jpeg_segments(PLAIN) if piece.kind == b"\xc0")
    for extra in (
        b"\xff\xd8",
        b"\xff\x02",
        frame,
        segment(0xDB, b"\0" * 64),
        segment(0xC4, b"\0" * 18),
        segment(0xDD, b"\0"),
    ):
        with pytest.raises(UnreadablePhotoError):
            stripped(inserted(PLAIN, extra))


class Endless:
    """A JPEG whose only scan is as long as one likes."""

    def __init__(self, filling):
        self.size = len(PLAIN) + filling
        self.largest = 0

    def read(self, offset, count):
        self.largest = max(self.largest, count)
        whole = bytearray(count)
        for place, part in ((0, PLAIN[:-2]), (self.size - 2, PLAIN[-2:])):
            start, end = max(offset, place), min(offset + count, place + len(part))
            if start < end:
                whole[start - offset : end - offset] = part[start - place : end - place]
        return bytes(whole)


def test_memory_does_not_depend_on_the_size_of_the_file():
    source = Endless(200 << 20)
    planned = plan(source, Keep())
    assert planned.size == source.size
    assert source.largest <= 1 << 20
    assert sum(len(piece) for piece in planned.pieces if isinstance(piece, bytes)) < 1000


@FEW
@given(data=st.binary(max_size=300))
def test_random_bytes_behind_a_start_end_as_a_photo_error_or_clean(data):
    stripped_or_refused(b"\xff\xd8\xff" + data, ())
    stripped_or_refused(PLAIN[:-2] + data, ())


def test_claims_that_no_file_can_meet_are_refused_at_once():
    for tail in (b"\xe1\xff\xff", b"\xe1\0\0", b"\xe1\0\1", b"\xe1", b"\xda\0\x0c" + b"\3" * 10, b"\xff" * 100):
        with pytest.raises(PhotoError):
            plan(Memory(b"\xff\xd8\xff" + tail), Keep())
