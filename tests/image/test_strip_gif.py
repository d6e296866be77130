"""GIF: every frame, its timing and its colours stay; comments, blocks of applications and what hides in codes go."""

import io
import math
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cloak.errors import PhotoError, ResidueError
from cloak.image import blocks
from cloak.image.scan import scan
from cloak.image.strip.base import CUT_OFF, Keep, Memory
from cloak.image.strip.gif import plan

from .contract import Case, Contract, assert_clean, frames, stripped, stripped_or_refused
from .dirty import SECRET, scene, xmp

SCREEN = 6


def still(colours=200, **options):
    """A GIF with one picture."""
    return animation(1, colours=colours, **options)


def animation(count=3, *, width=37, height=23, colours=64, **options):
    """A GIF of frames that differ, each with its own palette."""
    pictures = [Image.fromarray(scene(width, height)).rotate(90 * n).quantize(colours) for n in range(count)]
    buffer = io.BytesIO()
    more = {"save_all": True, "append_images": pictures[1:]} if count > 1 else {}
    pictures[0].save(buffer, "GIF", **{**more, **options})
    return buffer.getvalue()


def blocked(content, size=255):
    """Content as sub-blocks, with the one of no bytes that ends them."""
    parts = [content[start : start + size] for start in range(0, len(content), size)]
    return b"".join(bytes([len(part)]) + part for part in parts) + b"\0"


def extension(kind, content):
    return bytes([0x21, kind]) + blocked(content)


def application(name, content):
    return b"\x21\xff\x0b" + name + blocked(content)


def head(data):
    """Offset of the first block."""
    flags = data[SCREEN + 4]
    return SCREEN + 7 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)


def with_blocks(data, *extra):
    """The file with blocks before its first one."""
    start = head(data)
    return data[:start] + b"".join(extra) + data[start:]


def codes(data):
    """Offsets of the first sub-block of the first picture, and after the last."""
    position = head(data)
    while data[position] == 0x21:
        position = after(data, position + 2)
    flags = data[position + 9]
    start = position + 11 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    return start, after(data, start)


def after(data, position):
    """Offset after sub-blocks."""
    while data[position]:
        position += 1 + data[position]
    return position + 1


def with_codes(data, change, size=255):
    """The file with the codes of its first picture changed."""
    start, end = codes(data)
    joined, position = b"", start
    while data[position]:
        joined += data[position + 1 : position + 1 + data[position]]
        position += 1 + data[position]
    return data[:start] + blocked(change(joined), size) + data[end:]


def xmp_block():
    """XMP as editors put it into GIFs: not in sub-blocks, but with a tail that leads every reader out."""
    trailer = b"\x01" + bytes(range(255, -1, -1)) + b"\0"
    return b"\x21\xff\x0bXMP DataXMP" + xmp() + trailer


PLAIN = animation(3, duration=[40, 700, 90], loop=3, disposal=2)
PLAIN_TEXT = b"\x21\x01\x0c" + bytes(12) + blocked(SECRET)


def assembled(*frames_, palette=(SECRET * 77)[:768], size=(32, 32), background=1):
    """A GIF with a palette for all its frames."""
    flags = 0x70 | (0x80 | round(math.log2(len(palette) // 3)) - 1 if palette else 0)
    start = b"GIF89a" + struct.pack("<HHBBB", *size, flags, background if palette else 0, 0)
    return start + palette + b"".join(frames_) + b";"


def frame(left=0, top=0, *, own=True):
    """A frame of 32 x 32 pixels, with or without a palette of its own."""
    data = still(2, width=32, height=32)
    start, end = codes(data)
    flags, table = (0x80, b"\0\0\0\xff\xff\xff") if own else (0, b"")
    return b"\x2c" + struct.pack("<HHHHB", left, top, 32, 32, flags) + table + data[start - 1 : end]


class TestGif(Contract):
    CASES = (
        Case("comment", with_blocks(PLAIN, extension(0xFE, SECRET)), [blocks.TEXT]),
        Case("long comment", with_blocks(still(), extension(0xFE, SECRET * 2000)), [blocks.TEXT]),
        Case("plain text", with_blocks(PLAIN, PLAIN_TEXT), [blocks.TEXT]),
        Case("XMP", with_blocks(PLAIN, xmp_block()), [blocks.XMP, blocks.PEOPLE, blocks.UNIQUE]),
        Case("profile", with_blocks(PLAIN, application(b"ICCRGBG1012", SECRET * 99)), [blocks.PROFILE]),
        Case("credentials", with_blocks(PLAIN, application(b"C2PA_GIF\1\0\0", SECRET * 99)), [blocks.CREDENTIALS]),
        Case("application", with_blocks(PLAIN, application(b"SomeAppl1.0", SECRET)), ["application data"]),
        Case("unknown block", with_blocks(PLAIN, extension(0x77, SECRET)), ["private block (77)"]),
        Case("data after the end", PLAIN + SECRET, [blocks.TRAILER]),
        Case("bytes after the end code", with_codes(still(), lambda data: data + SECRET), [blocks.TRAILER]),
        Case("blocks after the end code", with_codes(PLAIN, lambda data: data + SECRET * 60), [blocks.TRAILER]),
        Case("blocks of one byte", with_codes(PLAIN, lambda data: data + SECRET, 1), [blocks.TRAILER]),
        Case("two colours", with_blocks(still(2), extension(0xFE, SECRET)), [blocks.TEXT]),
        Case("interlaced", with_blocks(still(interlace=1), extension(0xFE, SECRET)), [blocks.TEXT]),
        Case("without a trailer", with_blocks(PLAIN, extension(0xFE, SECRET))[:-1], [blocks.TEXT]),
        Case("zeros between blocks", with_blocks(PLAIN, b"\0\0", extension(0xFE, SECRET)), [blocks.TEXT]),
        Case("no code for the end", with_blocks(with_codes(still(), lambda data: data[:-1]), PLAIN_TEXT)),
        Case("palette that no frame uses", assembled(frame(), frame(4, 4)), ["colours that no picture uses"]),
        Case("transparent", with_blocks(still(transparency=3), extension(0xFE, SECRET)), [blocks.TEXT]),
    )


def test_timing_loops_and_disposal_stay():
    written = stripped(PLAIN)[0]
    with Image.open(io.BytesIO(written)) as image:
        assert image.info["loop"] == 3
        assert [image.seek(n) or image.disposal_method for n in range(image.n_frames)] == [2, 2, 2]
    assert [shown[-1] for shown in frames(written)] == [40, 700, 90]


def test_both_names_of_the_loop_count_become_one():
    other = PLAIN.replace(b"NETSCAPE2.0", b"ANIMEXTS1.0")
    assert stripped(other)[0] == stripped(PLAIN)[0]


def test_a_clean_file_of_another_writer_keeps_every_byte_of_its_codes():
    assert stripped(PLAIN)[0] == PLAIN


@pytest.mark.parametrize("colours", [2, 4, 16, 256])
@pytest.mark.parametrize("pixels", ["noise", "flat"])
def test_codes_are_followed_to_their_end_however_often_the_table_fills_up(colours, pixels):
    noise = bytes((n * n * 31 + n // 7 * 13) % 251 % colours for n in range(300 * 300))
    picture = Image.frombytes("P", (300, 300), noise if pixels == "noise" else bytes(300 * 300))
    picture.putpalette(bytes(range(256)) * 3)
    buffer = io.BytesIO()
    picture.save(buffer, "GIF", optimize=False)
    data = buffer.getvalue()
    written, planned = stripped(with_codes(data, lambda codes: codes + SECRET))
    assert planned.removed == (blocks.TRAILER,)
    assert frames(written) == frames(data)
    assert_clean(written)


def test_pixels_behind_the_last_one_are_taken_out():
    tall, low = still(width=60, height=60), bytearray(still(width=60, height=60))
    start = codes(tall)[0]
    place = low.rindex(b"\x2c", 0, start)
    struct.pack_into("<H", low, place + 7, 20)  # 40 of 60 rows of codes are beyond the end of the picture
    written, planned = stripped(bytes(low))
    assert planned.removed == (blocks.TRAILER,)
    assert len(written) < len(tall) - 200
    assert frames(written) == frames(bytes(low))


def test_a_picture_with_too_few_pixels_is_copied_and_that_is_said():
    data = bytearray(still(width=60, height=60))
    place = data.rindex(b"\x2c", 0, codes(data)[0])
    struct.pack_into("<H", data, place + 7, 61)
    assert stripped(bytes(data))[1].notes == (CUT_OFF,)
    assert stripped(still())[1].notes == ()


def test_the_second_reader_finds_what_hides_behind_pixels():
    for hidden in (
        with_codes(PLAIN, lambda data: data + b"\0"),
        with_codes(PLAIN, lambda data: data[:-1] + bytes([data[-1] | 0x80])),
        with_blocks(PLAIN, extension(0xFE, b"x")),
        PLAIN + b"\0",
        PLAIN[:-1],
    ):
        with pytest.raises(ResidueError):
            scan(hidden)


def test_of_a_palette_that_no_frame_uses_the_background_stays():
    black = bytes(3)
    written = stripped(assembled(frame()))[0]
    assert written == assembled(frame(), palette=(SECRET * 77)[3:6] + black, background=0)
    assert stripped(assembled(frame(), palette=b"abc" + black, background=9))[0] == assembled(
        frame(), palette=bytes(6), background=0
    )
    used = assembled(frame(), frame(own=False))
    assert stripped(used)[0] == used
    for palette in ((SECRET * 77)[:768], b"abcdef"):
        with pytest.raises(ResidueError, match="palette that no frame uses"):
            scan(assembled(frame(), palette=palette))
    with pytest.raises(ResidueError, match="palette that no frame uses"):
        scan(assembled(frame(), palette=b"abc" + black, background=1))


NOTHING = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0x80) + bytes(6) + b"\x02\x02\x44\x01\0"


@pytest.mark.parametrize("place", [(32, 0), (0, 32), (1000, 1000)])
def test_a_frame_that_is_nowhere_on_the_screen_shows_nothing_for_as_long(place):
    control = b"\x21\xf9\x04\x08\x53\x47\0\0"
    for before, delay in ((b"", b"\0\0"), (control, b"\x53\x47")):
        data = assembled(frame(), before, frame(*place), frame(), palette=b"")
        written, planned = stripped(data)
        nothing = b"\x21\xf9\x04\x05" + delay + b"\0\0" + NOTHING
        assert written == assembled(frame(), nothing, frame(), palette=b"")
        assert planned.removed == ("pictures outside of the screen",)
        shown = frames(written)
        assert shown[1][2] == shown[0][2]
        with pytest.raises(ResidueError, match="nowhere on the screen"):
            scan(data)


def test_a_first_frame_that_is_larger_makes_the_screen_larger():
    larger = assembled(frame(8, 8), frame(39, 39), palette=b"")
    assert stripped(larger)[0] == larger


@pytest.mark.parametrize("data", [b"GIF89a", PLAIN[:13], PLAIN[: head(PLAIN)] + b";", b"GIF89a" + b"\0" * 400])
def test_what_is_no_picture_is_refused(data):
    with pytest.raises(PhotoError):
        stripped(data)


def test_memory_does_not_grow_with_a_comment():
    class Endless:
        size = 1 << 40

        def read(self, offset, count):
            start = with_blocks(PLAIN, b"\x21\xfe")[: head(PLAIN) + 2]
            return (start[offset : offset + count] + b"\xff" * count)[:count] if offset < 1 << 26 else bytes(count)

    with pytest.raises(PhotoError):
        plan(Endless(), Keep())


BLOCKS = st.one_of(
    st.builds(extension, st.sampled_from([0xFE, 0x01, 0x77]), st.binary(max_size=600)),
    st.builds(application, st.binary(min_size=11, max_size=11), st.binary(max_size=600)),
    st.builds(lambda data: b"\x21\xf9\x04" + data + b"\0", st.binary(min_size=4, max_size=4)),
    st.builds(lambda data: b"\x21\xff\x0bNETSCAPE2.0\x03\x01" + data + b"\0", st.binary(min_size=2, max_size=2)),
)


@settings(max_examples=60, deadline=None)
@given(extra=st.lists(BLOCKS, max_size=6))
def test_no_order_of_blocks_leaves_anything(extra):
    written, _ = stripped(with_blocks(PLAIN, *extra))
    assert len(written) <= len(PLAIN) + 19
    assert stripped(written)[0] == written


@settings(max_examples=60, deadline=None)
@given(data=st.data(), size=st.integers(1, 255))
def test_no_codes_crash_it_or_outlast_the_picture(data, size):
    changed = data.draw(st.binary(min_size=1, max_size=300))
    written = stripped_or_refused(with_codes(PLAIN, lambda _: changed, size), ())
    if written:
        assert stripped(written)[0] == written


def test_a_plan_copies_pixels_and_holds_none():
    big = still(width=400, height=400)
    assert sum(len(piece) for piece in plan(Memory(big), Keep()).pieces if isinstance(piece, bytes)) < 1200
