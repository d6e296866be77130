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

from .contract import Case, Contract, stripped, stripped_or_refused
from .dirty import SECRET, scene

WIDTH, HEIGHT = 37, 23
_RGB = struct.pack("<III", 0xFF0000, 0xFF00, 0xFF)


def bitmap(
    size=40, *, depth=24, compression=0, height=HEIGHT, resolution=(0, 0), colours=0, masks=b"", colour=b"", last=b"",
    palette=None, gap=b"", pixels=None, tail=b"", padding=0,
):  # fmt: skip
    """A bitmap, built from its fields."""
    if palette is None:
        count = (colours or 1 << depth) if depth <= 8 else 0
        palette = b"".join(bytes([n * 7 % 256, n, 255 - n, 0][: 3 if size == 12 else 4]) for n in range(count))
    if pixels is None:
        pixels = rows(depth, padding)
    if size == 12:
        head = struct.pack("<IHHHH", 12, WIDTH, height, 1, depth)
    elif size == 16:
        head = struct.pack("<IiiHH", 16, WIDTH, height, 1, depth)
    else:
        head = struct.pack("<IiiHHII", size, WIDTH, height, 1, depth, compression, len(pixels))
        head += struct.pack("<iiII", *resolution, colours, 0) + masks + colour + last
        head += bytes(max(0, size - len(head)))
    start = 14 + len(head) + len(palette) + len(gap)
    body = head + palette + gap + pixels + tail
    return struct.pack("<2sIII", b"BM", 14 + len(body), 0, start) + body


def rows(depth, padding=0):
    """Rows of pixels; the bits behind each are zero, or all set."""
    bits = WIDTH * depth
    stride = (bits + 31) // 32 * 4
    found = []
    for n in range(HEIGHT):
        row = int.from_bytes(bytes((x * 5 + n * 3) % 256 for x in range(stride)), "big") >> 8 * stride - bits
        found.append((row << 8 * stride - bits | ((1 << 8 * stride - bits) - 1) * padding).to_bytes(stride, "big"))
    return b"".join(found)


def runs(*extra, end=b"\0\1"):
    """Coded rows, with more codes behind the first one."""
    line = bytes([30, 5, 0, 7, 1, 2, 3, 4, 5, 6, 7, 0])
    return line + b"".join(extra) + b"\0\0" + (line + b"\0\0") * (HEIGHT - 2) + line + end


def coded(pixels):
    return bitmap(depth=8, compression=1, pixels=pixels)


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
        Case("version 2", bitmap(52, depth=32, compression=3, masks=_RGB, tail=SECRET), [blocks.TRAILER]),
        Case("version 3", bitmap(56, depth=32, masks=SECRET), [blocks.STRAY]),
        Case("version 4", v4(tail=SECRET), [blocks.TRAILER]),
        Case("calibrated", v4(bytes(4), bytes(range(48)), tail=SECRET), [blocks.TRAILER]),
        Case("numbers that nobody heeds", v4(numbers=SECRET.ljust(48)), [blocks.PROFILE]),
        Case("unknown colour space", v4(SECRET[:4]), [blocks.PROFILE], (SECRET[:4],)),
        Case("version 5", v5(tail=SECRET), [blocks.TRAILER]),
        Case("sRGB profile", v5(b"DEBM", Image.new("RGB", (1, 1)).tobytes() + SECRET), [profiles.BROKEN]),
        Case("Display P3", v5(b"DEBM", DISPLAY_P3, tail=SECRET), [blocks.TRAILER]),
        Case("linked profile", linked(), [blocks.PROFILE]),
        Case("profile beyond the end", v5(b"DEBM", last=struct.pack("<4I", 0, 1 << 30, 99, 7)), [blocks.PROFILE], ()),
        Case("fields", bitmap(depth=16, compression=3, masks=struct.pack("<III", 0xF800, 0x7E0, 0x1F), gap=SECRET)),
        Case("runs", bitmap(depth=8, compression=1, pixels=runs(), tail=SECRET), [blocks.TRAILER]),
        Case("runs of 4 bits", bitmap(depth=4, compression=2, pixels=runs(), tail=SECRET), [blocks.TRAILER]),
        Case("padding of a run", coded(runs()[:11] + b"X" + runs()[12:]), [blocks.STRAY], ()),
        Case("run behind a row", coded(runs(b"\1S\1e")), [blocks.STRAY], (b"\1S", b"\1e")),
        Case("runs behind the picture", coded(runs(end=b"\0\0\5S\0\1")), [blocks.TRAILER], (b"\5S",)),
        Case("no code for the end", coded(runs(end=b"")), secrets=()),
        Case("palette that was forgotten", pillow("P")[:10] + struct.pack("<I", 54) + pillow("P")[14:] + SECRET),
        Case("first row on top", bitmap(height=-HEIGHT, gap=SECRET), [blocks.STRAY]),
    )  # fmt: skip


def test_a_clean_file_keeps_every_byte():
    for mode in ("1", "L", "P", "RGB", "RGBA"):
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
        coded(runs()[:50]),
        bitmap()[:10] + struct.pack("<I", 20) + bitmap()[14:],
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
        coded(runs(b"\1\1")),
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


@settings(max_examples=80, deadline=None)
@given(codes=st.binary(max_size=60), depth=st.sampled_from([4, 8]))
def test_no_runs_crash_it(codes, depth):
    written = stripped_or_refused(bitmap(depth=depth, compression=3 - depth // 4, pixels=codes + runs()), ())
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


def test_a_plan_copies_pixels_and_holds_none():
    data = bitmap()
    assert [len(piece) for piece in plan(Memory(data), Keep()).pieces] == [54, len(rows(24))]
