"""BMP: header, palette and pixels stay; gaps, padding, resolution, profiles by name and whatever follows go."""

import io
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cloak.errors import PhotoError, ResidueError, UnsupportedPhotoError
from cloak.image import blocks, profiles
from cloak.image.icc import DISPLAY_P3
from cloak.image.scan import scan
from cloak.image.strip.base import Keep, Memory
from cloak.image.strip.bmp import plan

from .bmp_files import HEIGHT, RGB, WIDTH, bitmap, rows
from .contract import Case, Contract, stripped, stripped_or_refused
from .dirty import SECRET, scene


def pillow(mode, **options):
    buffer = io.BytesIO()
    Image.fromarray(scene(WIDTH, HEIGHT)).convert(mode).save(buffer, "BMP", **options)
    return buffer.getvalue()


def v4(kind=b"BGRs", numbers=bytes(48), **options):
    return bitmap(108, masks=bytes(16), colour=kind + numbers, **options)


def v5(kind=b"BGRs", profile=b"", *, tail=b"", last=None, **options):
    """The largest header, with an embedded profile behind the pixels."""
    pixels = rows(24)
    last = last or struct.pack("<IIII", 4, 124 + len(pixels) if profile else 0, len(profile), 0)
    return bitmap(
        124, masks=bytes(16), colour=kind + bytes(48), last=last, pixels=pixels, tail=profile + tail, **options
    )


def linked():
    """A header that names a profile in a folder of its owner's."""
    return v5(b"KNIL", b"C:\\Users\\" + SECRET + b"\\screen.icm\0")


def fields(depth, *masks, **options):
    """A bitmap that names the bits of its channels."""
    return bitmap(depth=depth, compression=3, masks=struct.pack(f"<{len(masks)}I", *masks), **options)


CALIBRATED = struct.pack("<12I", *(n << 26 for n in (10, 5, 1, 5, 10, 2, 2, 1, 12)), *[36044] * 3)


class TestBmp(Contract):
    CASES = (
        Case("trailer", pillow("RGB") + SECRET, [blocks.TRAILER]),
        Case("resolution", pillow("RGB", dpi=(300, 300)), [blocks.RESOLUTION], ()),
        Case("gap", bitmap(gap=SECRET), [blocks.STRAY]),
        Case("gap behind a palette", bitmap(depth=8, gap=SECRET), [blocks.STRAY]),
        Case("unused palette", bitmap(colours=3, palette=(SECRET + b"  ") * 1), [blocks.STRAY]),
        *(Case(f"padding of {n} bits", bitmap(depth=n, padding=1), [blocks.STRAY], ()) for n in (1, 4, 8, 24)),
        Case("one colour's fourth byte", bitmap(depth=4, palette=b"\1\2\3S" * 16), [blocks.STRAY], (b"S\1\2\3S",)),
        Case("OS/2 1", bitmap(12, depth=4, gap=SECRET), [blocks.STRAY]),
        Case("OS/2 2", bitmap(64, depth=8, masks=SECRET), [blocks.SETTINGS]),
        Case("version 2", bitmap(52, depth=32, compression=3, masks=RGB, tail=SECRET), [blocks.TRAILER]),
        Case("version 3", bitmap(56, depth=32, masks=SECRET), [blocks.STRAY]),
        Case("version 4", v4(tail=SECRET), [blocks.TRAILER]),
        Case("calibrated", v4(bytes(4), CALIBRATED, tail=SECRET), [blocks.TRAILER]),
        Case("numbers of no colours", v4(bytes(4), (SECRET * 5)[:48]), [blocks.PROFILE]),
        Case("fourth byte", bitmap(depth=32), [blocks.STRAY], ()),
        Case("first of 16 bits", bitmap(depth=16), [blocks.STRAY], ()),
        Case("bits of no channel", fields(32, 0x3FF00000, 0xFFC00, 0x3FF), [blocks.STRAY], (), len),
        Case("masks beyond a pixel", fields(16, 0xF800 | 0x53 << 24, 0x7E0, 0x1F), [blocks.STRAY], (b"\0\x53",), len),
        Case("numbers that nobody heeds", v4(numbers=SECRET.ljust(48)), [blocks.PROFILE]),
        Case("unknown colour space", v4(SECRET[:4]), [blocks.PROFILE], (SECRET[:4],)),
        Case("version 5", v5(tail=SECRET), [blocks.TRAILER]),
        Case("sRGB profile", v5(b"DEBM", Image.new("RGB", (1, 1)).tobytes() + SECRET), [profiles.BROKEN]),
        Case("Display P3", v5(b"DEBM", DISPLAY_P3, tail=SECRET), [blocks.TRAILER]),
        Case("linked profile", linked(), [blocks.PROFILE]),
        Case("profile beyond the end", v5(b"DEBM", last=struct.pack("<4I", 0, 1 << 30, 99, 7)), [blocks.PROFILE], ()),
        Case("fields", bitmap(depth=16, compression=3, masks=struct.pack("<III", 0xF800, 0x7E0, 0x1F), gap=SECRET)),
        Case("palette that was forgotten", pillow("P")[:10] + struct.pack("<I", 54) + pillow("P")[14:] + SECRET),
        Case("first row on top", bitmap(height=-HEIGHT, gap=SECRET), [blocks.STRAY]),
    )  # fmt: skip


def test_a_clean_file_keeps_every_byte():
    for mode in ("1", "L", "P", "RGB"):
        data = pillow(mode)
        neutral = data[:38] + bytes(8) + data[46:]
        assert stripped(data)[0][54:] == data[54:]
        assert stripped(neutral)[0][:10] == neutral[:10]


def test_a_profile_is_kept_without_its_name_and_is_where_the_header_says():
    written, planned = stripped(v5(b"DEBM", DISPLAY_P3))
    start, size = struct.unpack_from("<II", written, 14 + 112)
    assert written[14 + start : 14 + start + size] == DISPLAY_P3
    assert planned.kept == ("colour profile",)
    assert stripped(v5(b"DEBM", DISPLAY_P3), Keep(profile=False))[0] == stripped(v5())[0].replace(
        b"\4\0\0\0", b"\4\0\0\0"
    )


def test_the_fourth_byte_of_a_pixel_stays_where_it_is_alpha():
    for data in (fields(32, 0xFF0000, 0xFF00, 0xFF), bitmap(depth=32)):
        assert not any(stripped(data)[0][-len(rows(32)) :][3::4])
    alpha = bitmap(56, depth=32, compression=3, masks=RGB + b"\0\0\0\xff")
    assert stripped(alpha)[0] == alpha


def test_the_short_header_of_os2_becomes_one_that_is_read_everywhere():
    assert stripped(bitmap(16, depth=8))[0] == stripped(bitmap(40, depth=8))[0]


@pytest.mark.parametrize("compression", [4, 5])
def test_a_jpeg_or_png_inside_is_refused(compression):
    with pytest.raises(UnsupportedPhotoError, match="PNG"):
        stripped(bitmap(depth=0, compression=compression, palette=b"", pixels=SECRET))


@pytest.mark.parametrize(
    "data",
    [
        b"BM",
        b"BM" + bytes(60),
        bitmap()[:-8],
        bitmap(depth=5, palette=b""),
        bitmap(height=0),
        bitmap(height=1 << 30),
        bitmap()[:10] + struct.pack("<I", 20) + bitmap()[14:],
        fields(32, 0, 0, 0),
        fields(24, 0xFF0000, 0xFF00, 0x7F),
    ],
)
def test_what_is_no_picture_is_refused(data):
    with pytest.raises(PhotoError):
        stripped(data)


@pytest.mark.parametrize(
    "data",
    [
        bitmap(gap=b"\0"),
        bitmap(tail=b"\0"),
        bitmap(padding=1),
        bitmap(resolution=(1, 0)),
        bitmap(depth=1, padding=1),
        bitmap(depth=16),
        bitmap(depth=32),
        fields(32, 0xFF0000, 0xFF00, 0xFF),
        fields(16, 0x100F800, 0x7E0, 0x1F),
        v4(bytes(4), bytes(range(48))),
        v4(b"zzzz"),
        v5(b"DEBM", b"x" * 200),
        linked(),
    ],
)
def test_the_second_reader_finds_what_is_no_picture(data):
    scan(stripped(data)[0])
    with pytest.raises(ResidueError):
        scan(data)


@settings(max_examples=80, deadline=None)
@given(
    depth=st.sampled_from([1, 4, 8, 16, 24, 32]),
    size=st.sampled_from([12, 16, 40, 52, 56, 64, 108, 124]),
    rest=st.binary(max_size=84),
    colours=st.integers(0, 300),
    gap=st.binary(max_size=9),
)
def test_no_header_leaves_anything(depth, size, rest, colours, gap):
    written = stripped_or_refused(bitmap(size, depth=depth, masks=rest, colours=colours, gap=gap, palette=bytes(1200)))
    if written:
        assert stripped(written)[0] == written


@pytest.mark.parametrize("width", [1, 2999])
def test_the_padding_of_many_or_long_rows_is_cleaned_without_a_piece_for_each(width):
    stride, count = (width * 3 + 3) // 4 * 4, 300_000 // width
    row = b"\x11" * 3 * width
    head = bitmap()[:18] + struct.pack("<ii", width, count) + bitmap()[26:54]
    data = head + (row + b"\xff" * (stride - len(row))) * count
    written, planned = stripped(data)
    assert written[54:] == (row + bytes(stride - len(row))) * count
    assert planned.removed == (blocks.STRAY,)
    assert len(planned.pieces) < 500


@pytest.mark.parametrize("width", [3, 40_001])
def test_bits_of_no_channel_are_cleared_in_narrow_and_wide_rows(width):
    stride, count = (width * 2 + 3) // 4 * 4, 160_000 // width
    head = bitmap(depth=16)[:18] + struct.pack("<ii", width, count) + bitmap(depth=16)[26:54]
    written, planned = stripped(head + b"\xff" * stride * count)
    assert written[54:] == (b"\xff\x7f" * width).ljust(stride, b"\0") * count
    assert not any(isinstance(piece, bytes) for piece in planned.pieces[1:])


def test_a_plan_copies_pixels_and_holds_none():
    data = bitmap()
    assert [len(piece) for piece in plan(Memory(data), Keep()).pieces] == [54, len(rows(24))]
