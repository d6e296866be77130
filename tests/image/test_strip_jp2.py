"""JPEG 2000: the coded picture and what its colours are stay; comments, metadata boxes and what follows go."""

import io
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cloak.errors import PhotoError, ResidueError, UnsupportedPhotoError
from cloak.image import blocks
from cloak.image.icc import DISPLAY_P3
from cloak.image.scan import scan
from cloak.image.strip.base import Keep, Memory
from cloak.image.strip.jp2 import plan

from .contract import Case, Contract, stripped, stripped_or_refused
from .dirty import SECRET, exif, iptc, profile, scene, xmp

XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
IPTC_UUID = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")
PARTS = "lengths of parts"


def coded(mode="RGB", **options):
    """A JPEG 2000 file of a library."""
    buffer = io.BytesIO()
    Image.fromarray(scene(70, 50)).convert(mode).save(buffer, "JPEG2000", **options)
    return buffer.getvalue()


def box(kind, payload):
    return struct.pack(">I4s", 8 + len(payload), kind) + payload


def boxes(data):
    found, position = [], 0
    while position < len(data):
        size, kind = struct.unpack_from(">I4s", data, position)
        found.append((kind, data[position + 8 : position + (size or len(data))]))
        position += size or len(data)
    return found


def rebuilt(data, *, before=b"", inside=b"", stream=lambda stream: stream, colour=None):
    """The file with more boxes before the picture and inside the header, another colour, and a changed codestream."""
    written = b""
    for kind, payload in boxes(data):
        if kind == b"jp2h":
            parts = [(name, colour if colour and name == b"colr" else part) for name, part in boxes(payload)]
            written += box(kind, b"".join(box(name, part) for name, part in parts) + inside) + before
        elif kind == b"jp2c":
            written += box(kind, stream(payload))
        else:
            written += box(kind, payload)
    return written


def segment(marker, payload):
    return struct.pack(">HH", marker, len(payload) + 2) + payload


COMMENT = segment(0xFF64, b"\0\1" + SECRET)


def in_main_header(extra):
    def change(stream):
        return stream[:2] + stream[2 : stream.index(b"\xff\x90")] + extra + stream[stream.index(b"\xff\x90") :]

    return change


def in_part(extra, *, length=None):
    """A codestream with more in the header of its first part."""

    def change(stream):
        start = stream.index(b"\xff\x90")
        size = int.from_bytes(stream[start + 6 : start + 10], "big") + len(extra)
        head = stream[start : start + 6] + struct.pack(">I", size if length is None else length)
        return stream[:start] + head + stream[start + 10 : start + 12] + extra + stream[start + 12 :]

    return change


def of(kind, **options):
    """The first box of a kind."""
    return dict(boxes(coded(**options)))[kind]


def colr(method, content):
    return bytes([method, 0, 0]) + content


PLAIN = coded()
HEAD = PLAIN[: PLAIN.index(b"jp2c") - 4]
PRIVATE = box(b"prVt", SECRET)
METADATA = box(b"xml ", b"<a>" + SECRET + b"</a>") + box(b"uuid", XMP_UUID + xmp())
METADATA += box(b"uuid", b"JpgTiffExif->JP2" + exif()) + box(b"uuid", IPTC_UUID + iptc()[26:])
RESOLUTION = box(b"res ", box(b"resc", struct.pack(">HHHHBB", 300, 1, 300, 1, 2, 2)))


def parts(data):
    """The coded parts of the picture, of files that not all decoders take."""
    return data[data.index(b"\xff\x90") :].removesuffix(b"\xff\xd9")


class TestJp2(Contract):
    FLIPS = 80
    CASES = (
        Case("comment", coded(comment=SECRET), [blocks.TEXT]),
        Case("metadata", rebuilt(PLAIN, before=METADATA), [blocks.XMP, blocks.EXIF, blocks.GPS, blocks.IPTC]),
        Case("resolution", rebuilt(PLAIN, inside=RESOLUTION), [blocks.RESOLUTION], (RESOLUTION,)),
        Case("rights", rebuilt(PLAIN, before=box(b"jp2i", SECRET)), [blocks.RIGHTS]),
        Case("unknown", rebuilt(PLAIN, before=PRIVATE, inside=PRIVATE), ["private box (prVt)"]),
        Case("credentials", rebuilt(PLAIN, before=box(b"jumb", SECRET)), [blocks.CREDENTIALS]),
        Case("profile", rebuilt(PLAIN, colour=colr(2, profile()))),
        Case("Display P3", rebuilt(PLAIN, colour=colr(2, DISPLAY_P3), before=box(b"xml ", SECRET)), ["XML"]),
        Case("vendor's colour", rebuilt(PLAIN, inside=box(b"colr", colr(4, SECRET))), [blocks.PROFILE]),
        Case("bytes behind a colour", rebuilt(PLAIN, colour=of(b"jp2h")[30:37] + SECRET), [blocks.STRAY]),
        Case("trailer", PLAIN + SECRET, [blocks.TRAILER]),
        Case("behind the codestream", rebuilt(PLAIN, stream=lambda data: data + SECRET), [blocks.TRAILER]),
        Case("no end", rebuilt(PLAIN, stream=lambda data: data[:-2]), secrets=(), shown=parts),
        Case("comment in a part", rebuilt(PLAIN, stream=in_part(COMMENT)), [blocks.TEXT]),
        Case("two comments", rebuilt(PLAIN, stream=in_main_header(COMMENT * 2)), [blocks.TEXT]),
        Case("lengths", coded(plt=True, comment=SECRET), [PARTS, blocks.TEXT]),
        Case("tiles", coded(tile_size=(32, 32), comment=SECRET), [blocks.TEXT]),
        Case("part up to the end", rebuilt(PLAIN, stream=in_part(COMMENT, length=0)), [blocks.TEXT]),
        Case("grey", coded("L", comment=SECRET), [blocks.TEXT]),
        Case("alpha", coded("RGBA", comment=SECRET), [blocks.TEXT]),
        Case("codestream alone", coded(no_jp2=True, comment=SECRET) + SECRET, [blocks.TEXT, blocks.TRAILER]),
        Case("box up to the end", HEAD + bytes(4) + PLAIN[len(HEAD) + 4 :] + SECRET),
        Case("large box", HEAD + struct.pack(">I4sQ", 1, b"jp2c", 16 + len(of(b"jp2c")))
             + of(b"jp2c") + SECRET, [blocks.TRAILER]),
    )  # fmt: skip


def test_a_profile_stays_as_a_clean_one():
    written, planned = stripped(rebuilt(PLAIN, colour=colr(2, DISPLAY_P3)))
    assert DISPLAY_P3 in written
    assert planned.kept == ("colour profile",)


def test_a_profile_that_is_srgb_becomes_its_number():
    written, _ = stripped(rebuilt(PLAIN, colour=colr(2, profile())))
    assert dict(boxes(dict(boxes(written))[b"jp2h"]))[b"colr"] == b"\1\0\0\0\0\0\x10"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (PLAIN + box(b"jp2c", of(b"jp2c")), "several"),
        (rebuilt(PLAIN, before=box(b"jplh", b"")), "several"),
        (rebuilt(PLAIN, stream=in_main_header(segment(0xFF74, b"abc"))), "FF74"),
    ],
)
def test_what_cannot_be_rewritten_is_named(data, reason):
    with pytest.raises(UnsupportedPhotoError, match=reason):
        stripped(data)


@pytest.mark.parametrize(
    "data",
    [
        PLAIN[:12],
        HEAD,
        PLAIN[:12] + PLAIN[len(HEAD) :],
        b"\xff\x4f\xff\x51",
        b"\xff\x4f\xff\x51\xff\xff" + bytes(100),
        rebuilt(PLAIN, stream=in_part(b"", length=13)),
        rebuilt(PLAIN, stream=in_part(b"", length=0xFFFFFFFF)),
        PLAIN[:12] + struct.pack(">I4sQ", 1, b"jp2h", 0) + PLAIN[12:],
        PLAIN[:12] + box(b"free", b"") * 20_000 + PLAIN[12:],
    ],
)
def test_what_is_no_picture_is_refused(data):
    with pytest.raises(PhotoError):
        stripped(data)


@pytest.mark.parametrize(
    "data",
    [
        coded(comment="x"),
        coded(no_jp2=True, comment="x"),
        coded(plt=True),
        stripped(PLAIN)[0] + b"\0",
        rebuilt(stripped(PLAIN)[0], before=box(b"free", b"")),
        rebuilt(stripped(PLAIN)[0], inside=RESOLUTION),
        rebuilt(stripped(PLAIN)[0], colour=colr(2, profile())),
        rebuilt(stripped(PLAIN)[0], colour=b"\1\0\0\0\0\0\x10x"),
        rebuilt(stripped(PLAIN)[0], stream=in_part(COMMENT)),
        rebuilt(stripped(PLAIN)[0], stream=lambda data: data + b"\0"),
    ],
)
def test_the_second_reader_finds_what_does_not_belong(data):
    scan(stripped(data)[0])
    with pytest.raises(ResidueError):
        scan(data)


KINDS = st.sampled_from(
    [b"ihdr", b"bpcc", b"colr", b"pclr", b"cmap", b"cdef", b"res ", b"uuid", b"asoc", b"xml ", b"jp2h"]
)
BOXES = st.builds(box, KINDS, st.binary(max_size=60))


@settings(max_examples=60, deadline=None)
@given(before=st.lists(BOXES, max_size=4), inside=st.lists(BOXES, max_size=4))
def test_no_order_of_boxes_leaves_anything(before, inside):
    written = stripped_or_refused(rebuilt(PLAIN, before=b"".join(before), inside=b"".join(inside)), ())
    if written:
        assert {kind for kind, _ in boxes(written)} == {b"jP  ", b"ftyp", b"jp2h", b"jp2c"}
        assert stripped(written)[0] == written


@settings(max_examples=60, deadline=None)
@given(marker=st.integers(0xFF30, 0xFFFF), payload=st.binary(max_size=40), main=st.booleans())
def test_no_segment_crashes_it(marker, payload, main):
    change = (in_main_header if main else in_part)(segment(marker, payload))
    written = stripped_or_refused(rebuilt(PLAIN, stream=change), ())
    if written:
        assert stripped(written)[0] == written


def test_a_plan_copies_pixels_and_holds_none():
    assert sum(len(piece) for piece in plan(Memory(PLAIN), Keep()).pieces if isinstance(piece, bytes)) < 200
