"""WebP: the coded pictures, all frames and their timing stay; every other chunk goes, and flags fit what is there."""

import io
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cloak.errors import PhotoError, ResidueError, UnreadablePhotoError
from cloak.image import blocks, profiles
from cloak.image.icc import DISPLAY_P3
from cloak.image.orientation import block
from cloak.image.scan import scan
from cloak.image.strip.base import Keep, Memory
from cloak.image.strip.webp import plan
from cloak.image.structure import StructureError

from .contract import Case, Contract, frames, stripped, stripped_or_refused
from .dirty import SECRET, dirty_webp, exif, profile, scene, xmp

ALL_FLAGS = 0x3E


def riff(*chunks):
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def chunk(kind, payload, padding=b"\0"):
    return kind + struct.pack("<I", len(payload)) + payload + padding * (len(payload) % 2)


def parts(data):
    """The chunks of a file: (kind, payload)."""
    found, position = [], 12
    while position < len(data):
        size = int.from_bytes(data[position + 4 : position + 8], "little")
        found.append((data[position : position + 4], data[position + 8 : position + 8 + size]))
        position += 8 + size + size % 2
    return found


def rebuilt(data, extra=(), flags=None, place=None):
    """The file with more chunks at a place among its own, and other flags."""
    pieces = [chunk(kind, payload) for kind, payload in parts(data)]
    if flags is not None:
        pieces[0] = pieces[0][:8] + bytes([flags]) + pieces[0][9:]
    place = len(pieces) if place is None else place
    return riff(*pieces[:place], *extra, *pieces[place:])


def still(**options):
    buffer = io.BytesIO()
    Image.fromarray(scene(45, 31, alpha=options.pop("alpha", False))).save(buffer, "WEBP", **options)
    return buffer.getvalue()


def animation(**options):
    pictures = [Image.fromarray(scene(44, 30, alpha=True)).rotate(20 * turn) for turn in range(4)]
    buffer = io.BytesIO()
    pictures[0].save(
        buffer, "WEBP", save_all=True, append_images=pictures[1:], duration=[30, 700, 45, 90], loop=5, **options
    )
    return buffer.getvalue()


def header(data, flags=0):
    """The file with a header of the extended kind in front."""
    with Image.open(io.BytesIO(data)) as image:
        edges = b"".join((edge - 1).to_bytes(3, "little") for edge in image.size)
    return riff(chunk(b"VP8X", bytes([flags, 0, 0, 0]) + edges), data[12:])


EXTENDED = header(still())


def with_private_chunk_in_a_frame():
    found = [(kind, payload + chunk(b"prVt", SECRET) * (kind == b"ANMF")) for kind, payload in parts(animation())]
    return riff(*(chunk(kind, payload) for kind, payload in found))


def see_through(plane):
    """A still picture with an alpha plane of our own."""
    found = [(kind, plane if kind == b"ALPH" else payload) for kind, payload in parts(still(alpha=True))]
    return riff(*(chunk(kind, payload) for kind, payload in found))


PLANE = bytes(range(45)) * 31


def picture(data):
    """The first coded picture, of files that not all decoders take."""
    return next(payload for kind, payload in parts(data) if kind == b"VP8 ")


class TestWebp(Contract):
    FLIPS = 60
    CASES = (
        Case("phone", dirty_webp(6), [blocks.XMP, blocks.GPS, blocks.OWNER, blocks.MAKER, "private chunk (PRVT)"]),
        Case("upright", dirty_webp(), [blocks.GPS]),
        Case("lossless", dirty_webp(3, lossless=True), [blocks.GPS]),
        Case("alpha", dirty_webp(8, scene(alpha=True)), [blocks.GPS]),
        Case("animation", animation(exif=exif(3), xmp=xmp(), icc_profile=profile()), [blocks.GPS, blocks.XMP]),
        Case("lossless animation", animation(exif=exif(3), lossless=True), [blocks.GPS]),
        Case("profile", still(icc_profile=DISPLAY_P3, xmp=xmp()), [blocks.XMP]),
        Case("data after the end", still() + SECRET, [blocks.TRAILER]),
        Case("unknown chunk", rebuilt(EXTENDED, [chunk(b"junk", SECRET)]), ["private chunk (junk)"]),
        Case("unknown chunk first", rebuilt(EXTENDED, [chunk(b"junk", SECRET)], place=1), ["private chunk (junk)"]),
        Case(
            "unknown chunk behind a simple file", rebuilt(still(), [chunk(b"junk", SECRET)]), ["private chunk (junk)"]
        ),
        Case("second picture", rebuilt(EXTENDED, [chunk(b"VP8 ", SECRET)]), ["private chunk (VP8 )"], shown=picture),
        Case("in a frame", with_private_chunk_in_a_frame(), ["private chunk (prVt)"]),
        Case("credentials", rebuilt(EXTENDED, [chunk(b"C2PA", SECRET)]), [blocks.CREDENTIALS]),
        Case("behind an alpha plane", see_through(b"\0" + PLANE + SECRET), [blocks.STRAY]),
        Case("reserved bits of an alpha plane", see_through(b"\xc0" + PLANE), [blocks.STRAY], (), picture),
        Case("flags without their chunks", rebuilt(EXTENDED, flags=ALL_FLAGS), secrets=(), shown=picture),
        Case("two profiles", rebuilt(EXTENDED, [chunk(b"ICCP", SECRET)] * 2, 0x20, place=1), [profiles.PROFILE]),
        Case("unheeded profile", rebuilt(EXTENDED, [chunk(b"ICCP", DISPLAY_P3 + SECRET)], place=1), [blocks.PROFILE]),
    )


def test_timing_loops_and_blending_stay():
    written = stripped(animation(exif=exif(), xmp=xmp()))[0]
    with Image.open(io.BytesIO(written)) as image:
        assert (image.n_frames, image.info["loop"]) == (4, 5)
    assert [shown[-1] for shown in frames(written)] == [30, 700, 45, 90]


def test_bytes_of_padding_come_out_as_zeros():
    clean = stripped(EXTENDED)[0]
    ((kind, payload),) = parts(clean)
    odd = payload + b"\0" * (1 - len(payload) % 2)
    written = stripped(riff(chunk(kind, odd, b"\x7f")))[0]
    assert written[-1] == 0
    with pytest.raises(ResidueError, match="padding"):
        scan(riff(chunk(kind, odd, b"\x7f")))


@pytest.mark.parametrize("plane", [b"\0" + PLANE + b"\0", b"\x40" + PLANE, b"\x80" + PLANE])
def test_an_alpha_plane_has_no_bit_that_nobody_reads(plane):
    assert dict(parts(stripped(see_through(plane))[0]))[b"ALPH"] == b"\0" + PLANE
    with pytest.raises(ResidueError, match="alpha plane"):
        scan(see_through(plane))


@pytest.mark.parametrize("plane", [b"", b"\0", b"\0" + PLANE[1:], b"\2" + PLANE, b"\3" + PLANE, b"\x20" + PLANE])
def test_an_alpha_plane_that_is_not_in_the_standard_is_refused(plane):
    with pytest.raises(UnreadablePhotoError, match="alpha plane"):
        stripped(see_through(plane))
    with pytest.raises((ResidueError, StructureError)):
        scan(see_through(plane))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_which_way_is_up_stays_and_nothing_else_of_its_block(orientation):
    written, planned = stripped(dirty_webp(orientation))
    found = dict(parts(written))
    assert found.get(b"EXIF", b"") == block(orientation)
    assert ("orientation" in planned.kept) == (orientation != 1)


def test_what_the_flags_do_not_announce_does_not_count():
    turned = rebuilt(EXTENDED, [chunk(b"EXIF", block(6))])
    assert stripped(turned)[1].kept == ()
    assert stripped(rebuilt(turned, flags=0x08))[1].kept == ("orientation",)


def test_a_file_that_needs_no_header_gets_none():
    assert [kind for kind, _ in parts(stripped(EXTENDED)[0])] == [b"VP8 "]


@pytest.mark.parametrize(
    "data",
    [
        riff(),
        riff(chunk(b"VP8X", bytes(10))),
        riff(chunk(b"VP8 ", b"")),
        riff(chunk(b"VP8L", b"\x2f\0\0\0\0")),
        riff(chunk(b"ALPH", b"\0")),
        rebuilt(animation(), place=1)[:200],
        b"RIFF\xff\xff\xff\xffWEBPVP8 \xff\xff\xff\xff",
        riff(b"VP8 \xff\xff\xff\xff"),
    ],
)
def test_what_is_no_picture_is_refused(data):
    with pytest.raises(PhotoError):
        stripped(data)


CHUNKS = st.builds(
    chunk,
    st.sampled_from([b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP", b"EXIF", b"XMP ", b"junk"]),
    st.binary(max_size=80),
    st.binary(min_size=1, max_size=1),
)


@settings(max_examples=60, deadline=None)
@given(extra=st.lists(CHUNKS, max_size=5), flags=st.integers(0, 255), data=st.data())
def test_no_order_of_chunks_leaves_anything(extra, flags, data):
    base = data.draw(st.sampled_from([EXTENDED, animation()]))
    written = stripped_or_refused(rebuilt(base, extra, flags, data.draw(st.integers(1, 3))), ())
    if written:
        assert {kind for kind, _ in parts(written)} <= {
            b"VP8X",
            b"VP8 ",
            b"VP8L",
            b"ALPH",
            b"ANIM",
            b"ANMF",
            b"ICCP",
            b"EXIF",
        }
        assert stripped(written)[0] == written


def test_a_plan_copies_pixels_and_holds_none():
    data = dirty_webp(6, scene(500, 400), lossless=True)
    assert sum(len(piece) for piece in plan(Memory(data), Keep()).pieces if isinstance(piece, bytes)) < 200
