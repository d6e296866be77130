"""JPEG files rewritten without their metadata, their coded picture untouched."""

import io
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cloak.errors import UnreadablePhotoError, UnsupportedPhotoError
from cloak.image.icc import DISPLAY_P3
from cloak.image.structure import jpeg_segments

from .contract import Case, Contract, assert_clean, stripped
from .dirty import SECRET, dirty_jpeg, exif, iptc, jpeg, profile, scene, segment, xmp
from .jpeg_files import FEW, PLAIN, PROGRESSIVE, cmyk, inserted


def multi_picture():
    buffer = io.BytesIO()
    pictures = [Image.fromarray(scene()), Image.fromarray(255 - scene())]
    pictures[0].save(buffer, "MPO", save_all=True, append_images=pictures[1:], comment=SECRET)
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


def test_a_zip_or_a_page_hidden_behind_or_in_front_of_the_end_does_not_come_out():
    for hidden in (b"PK\3\4" + SECRET + b"PK\5\6", b"<html>" + SECRET):
        assert_clean(stripped(PLAIN + hidden)[0])
        assert_clean(stripped(inserted(PLAIN, segment(0xFE, hidden)))[0])
