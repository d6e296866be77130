"""JPEG files rewritten without their metadata, their coded picture untouched."""

import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from cloak.errors import PhotoError, UnreadablePhotoError, UnsupportedPhotoError
from cloak.image.icc import DISPLAY_P3
from cloak.image.strip.base import CUT_OFF, Keep, Memory
from cloak.image.strip.jpeg import plan
from cloak.image.structure import jpeg_segments

from .contract import Case, Contract, assert_clean, stripped, stripped_or_refused
from .dirty import SECRET, dirty_jpeg, exif, iptc, jpeg, profile, scene, segment, xmp

FEW = settings(max_examples=60, deadline=None)
PLAIN = jpeg(scene())
PROGRESSIVE = jpeg(scene(), progressive=True)


def inserted(data, *extra, at=2):
    return data[:at] + b"".join(extra) + data[at:]


def multi_picture():
    buffer = io.BytesIO()
    pictures = [Image.fromarray(scene()), Image.fromarray(255 - scene())]
    pictures[0].save(buffer, "MPO", save_all=True, append_images=pictures[1:], comment=SECRET)
    return buffer.getvalue()


def cmyk(**options):
    buffer = io.BytesIO()
    Image.fromarray(scene()).convert("CMYK").save(buffer, "JPEG", comment=SECRET, **options)
    return buffer.getvalue()


def in_parts(payload, *, size=1000):
    parts = [payload[start : start + size] for start in range(0, len(payload), size)]
    return [
        segment(0xE2, b"ICC_PROFILE\0" + bytes([number, len(parts)]) + part) for number, part in enumerate(parts, 1)
    ]


def with_jfif_thumbnail():
    start = PLAIN[:2] + segment(0xE0, b"JFIF\0\1\2\1\0\x48\0\x48\1\1" + SECRET[:3])
    return inserted(start + PLAIN[20:], segment(0xE0, b"JFXX\0\x10" + PLAIN + SECRET), at=len(start))


def between(filling):
    """A file with bytes between its segments, before the first scan and behind it."""
    starts = [piece.start for piece in jpeg_segments(PROGRESSIVE)]
    data = PROGRESSIVE
    for start in reversed(starts[1:5]):
        data = data[:start] + filling + data[start:]
    return data


class TestJpeg(Contract):
    CASES = (
        *(
            Case(f"from a phone, turned {way}", dirty_jpeg(way), ["date and time", "GPS position", "motion photo"])
            for way in (1, 6)
        ),
        Case(
            "progressive, with a profile in parts", inserted(PROGRESSIVE, *in_parts(DISPLAY_P3), segment(0xFE, SECRET))
        ),
        Case("several pictures", multi_picture(), ["further images (multi-picture file)"]),
        Case("CMYK with an Adobe header", cmyk(), ["description or comment"]),
        Case("thumbnails in the JFIF headers", with_jfif_thumbnail(), ["thumbnail", "resolution"]),
        Case("restart markers", inserted(jpeg(scene(), restart_marker_rows=1), segment(0xE1, b"Exif\0\0" + exif(3)))),
        Case(
            "fill bytes and stray bytes", between(b"\xff\xff\xff" + segment(0xFE, SECRET)), ["description or comment"]
        ),
        Case(
            "IPTC and XMP alone",
            inserted(PLAIN, segment(0xED, iptc()), segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp())),
        ),
        Case("grey", inserted(jpeg(scene()[..., 0]), segment(0xE9, SECRET)), ["application data (APP9)"]),
    )
    FLIPS = 60


def pieces(data, *, applications=False):
    """The segments that are applications' own, or all the others."""
    found = [(piece.kind[0], data[piece.start : piece.end]) for piece in jpeg_segments(data)]
    return [part for marker, part in found if (0xE0 <= marker <= 0xEF or marker == 0xFE) == applications]


def test_frame_tables_and_scans_are_copied_to_the_last_byte():
    for data in (PLAIN, PROGRESSIVE, dirty_jpeg(6)):
        assert pieces(stripped(data)[0]) == pieces(data)


@pytest.mark.parametrize("way", range(1, 9))
def test_which_way_is_up_stays_in_a_block_of_its_own(way):
    written, planned = stripped(dirty_jpeg(way))
    with Image.open(io.BytesIO(written)) as image:
        assert dict(image.getexif()) == ({} if way == 1 else {0x0112: way})
    assert ("orientation" in planned.kept) == (way != 1)


def test_which_way_is_up_is_taken_from_xmp_where_exif_is_silent():
    packet = b'http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation="8"/>'
    written, planned = stripped(inserted(PLAIN, segment(0xE1, packet)))
    assert planned.kept == ("orientation",)
    with Image.open(io.BytesIO(written)) as image:
        assert image.getexif()[0x0112] == 8


def test_headers_that_decoders_tell_colours_by_are_neither_lost_nor_added():
    for data, kinds in ((PLAIN, [0xE0]), (PLAIN[:2] + PLAIN[20:], []), (cmyk(), [0xEE])):
        assert [part[1] for part in pieces(stripped(data)[0], applications=True)] == kinds
    shown = []
    for transform in (0, 1):  # the same numbers as RGB, then as YCbCr
        data = PLAIN[:2] + segment(0xEE, b"Adobe\0\x65\x40\0\0\0" + bytes([transform])) + PLAIN[20:]
        written, planned = stripped(data)
        assert planned.removed == ("details in the Adobe header",)
        shown.append(np.asarray(Image.open(io.BytesIO(written))))
        np.testing.assert_array_equal(shown[-1], Image.open(io.BytesIO(data)))
    assert np.any(shown[0] != shown[1])


@pytest.mark.parametrize(
    ("unit", "density", "kept"),
    [(1, (72, 72), (1, 1)), (1, (204, 98), (19, 9)), (2, (300, 299), (1, 1)), (0, (0, 7), (1, 1))],
)
def test_of_a_resolution_only_the_shape_of_a_pixel_is_kept(unit, density, kept):
    header = b"JFIF\0\1\1" + struct.pack(">BHH", unit, *density) + b"\0\0"
    written, planned = stripped(PLAIN[:2] + segment(0xE0, header) + PLAIN[20:])
    assert struct.unpack_from(">BHH", written, 13) == (0, *kept)
    assert planned.removed == ("resolution",)


def test_a_profile_of_several_segments_is_put_together_and_split_again():
    big = inserted(PLAIN, *in_parts(DISPLAY_P3, size=100))
    written, planned = stripped(big)
    assert planned.kept == ("colour profile",)
    with Image.open(io.BytesIO(written)) as image:
        assert image.info["icc_profile"] == DISPLAY_P3


@pytest.mark.parametrize(
    "parts", [in_parts(DISPLAY_P3, size=300)[1:], 2 * in_parts(DISPLAY_P3), [segment(0xE2, b"ICC_PROFILE\0")]]
)
def test_a_profile_that_decoders_cannot_put_together_goes(parts):
    written, planned = stripped(inserted(PLAIN, *parts))
    assert written == stripped(PLAIN)[0]
    assert planned.removed == ("colour profile that cannot be used",)


def test_of_a_multi_picture_file_the_main_picture_stays_and_the_others_are_named():
    written, planned = stripped(multi_picture())
    assert {"data after the end of the image", "further images (multi-picture file)"} <= set(planned.removed)
    with Image.open(io.BytesIO(written)) as image:
        assert image.format == "JPEG"


def test_what_only_looks_like_a_header_goes():
    for extra in (
        segment(0xE0, b"JFIF\0\1"),
        segment(0xEE, b"Adobe" + SECRET[:3]),
        segment(0xE1, b"Exif\0\1" + SECRET),
    ):
        written, _ = stripped(inserted(PLAIN, extra, at=20))
        assert written == stripped(PLAIN)[0]


def test_empty_tables_go():
    written, planned = stripped(inserted(PLAIN, segment(0xDB, b""), segment(0xC4, b"")))
    assert written == stripped(PLAIN)[0]
    assert planned.removed == ("private segment (C4)", "private segment (DB)")


def test_headers_behind_the_first_scan_do_not_count():
    first = next(piece.end for piece in jpeg_segments(PROGRESSIVE) if piece.kind == b"\xda")
    late = [segment(0xE1, b"Exif\0\0" + exif(6)), segment(0xEE, b"Adobe\0\x64\0\0\0\0\0"), *in_parts(profile())]
    written, planned = stripped(inserted(PROGRESSIVE, *late, at=first))
    assert written == stripped(PROGRESSIVE)[0]
    assert planned.kept == ()


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


def test_arithmetic_coding_is_as_good_as_any():
    start = PLAIN.index(b"\xff\xc0")
    data = PLAIN[: start + 1] + b"\xc9" + PLAIN[start + 2 : -2] + b"\xff\xd9"
    assert b"\xff\xc9" in stripped(inserted(data, segment(0xCC, b"\0\x10"), segment(0xFE, SECRET)))[0]


def test_a_number_of_lines_that_comes_after_the_scan_stays():
    place = PLAIN.index(b"\xff\xc0") + 5
    data = PLAIN[:place] + b"\0\0" + PLAIN[place + 2 : -2] + segment(0xDC, b"\0\x40") + b"\xff\xd9"
    assert segment(0xDC, b"\0\x40") in stripped(data)[0]
    with pytest.raises(UnreadablePhotoError, match="no picture"):
        stripped(data.replace(segment(0xDC, b"\0\x40"), b""))


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


PARTS = st.one_of(
    st.binary(max_size=30).map(lambda data: data.replace(b"\xff", b"")),
    st.integers(1, 20).map(lambda count: b"\xff" * count),
    st.tuples(st.integers(0xE0, 0xEF), st.binary(max_size=40)).map(lambda pair: segment(pair[0], pair[1] + SECRET)),
    st.binary(max_size=40).map(lambda data: segment(0xFE, data + SECRET)),
    st.tuples(st.integers(0xF0, 0xFD), st.binary(max_size=40)).map(lambda pair: segment(pair[0], pair[1] + SECRET)),
)


@FEW
@given(extra=st.lists(st.tuples(PARTS, st.integers(1, 12)), max_size=6), progressive=st.booleans())
def test_whatever_is_put_between_segments_goes_and_the_picture_stays(extra, progressive):
    clean = stripped(PROGRESSIVE if progressive else PLAIN)[0]
    starts = [piece.start for piece in jpeg_segments(clean)][1:]
    data = clean
    for part, number in sorted(extra, key=lambda pair: -pair[1]):
        place = starts[min(number, len(starts) - 1)]
        behind_scan = data[:place].rfind(b"\xff\xda") > data[:place].rfind(b"\xff\xc4")
        if behind_scan and not part.startswith(b"\xff"):
            continue  # bytes behind a scan are taken for the scan's
        if not part.strip(b"\xff") and data[place] != 0xFF:
            continue  # bytes of 0xFF may stand before markers, but before other bytes they make one
        data = data[:place] + part + data[place:]
    try:
        written, _ = stripped(data)
    except UnsupportedPhotoError:
        return  # 0xF7
    assert written == clean


@FEW
@given(data=st.binary(max_size=300))
def test_random_bytes_behind_a_start_end_as_a_photo_error_or_clean(data):
    stripped_or_refused(b"\xff\xd8\xff" + data, ())
    stripped_or_refused(PLAIN[:-2] + data, ())


def test_a_zip_or_a_page_hidden_behind_or_in_front_of_the_end_does_not_come_out():
    for hidden in (b"PK\3\4" + SECRET + b"PK\5\6", b"<html>" + SECRET):
        assert_clean(stripped(PLAIN + hidden)[0])
        assert_clean(stripped(inserted(PLAIN, segment(0xFE, hidden)))[0])


def test_claims_that_no_file_can_meet_are_refused_at_once():
    for tail in (b"\xe1\xff\xff", b"\xe1\0\0", b"\xe1\0\1", b"\xe1", b"\xda\0\x0c" + b"\3" * 10, b"\xff" * 100):
        with pytest.raises(PhotoError):
            plan(Memory(b"\xff\xd8\xff" + tail), Keep())


def test_settings_for_a_coder_that_is_not_used_go():
    clean = stripped(PLAIN)[0]
    place = [piece.start for piece in jpeg_segments(clean)][1]
    written, plan_of_it = stripped(clean[:place] + segment(0xCC, b"\x00\x10") + clean[place:])
    assert written == clean
    assert plan_of_it.removed == ("private segment (CC)",)
