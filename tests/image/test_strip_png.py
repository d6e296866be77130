"""PNG and APNG files rewritten without their metadata, their coded pixels untouched."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cloak.errors import ResidueError
from cloak.image.icc import DISPLAY_P3, matrix_profile
from cloak.image.scan import scan
from cloak.image.strip.base import Keep, Memory, Span
from cloak.image.strip.png import plan
from cloak.image.structure import png_chunks

from .contract import Case, Contract, stripped
from .dirty import SECRET, chunk, dirty_png, exif, profile, scene, xmp
from .png_files import FEW, MOVING, PLAIN, TEXT, apng, inserted, kinds, png, replaced, stream


def left_over(*, inside):
    """Acropalypse: a picture written over a larger one, the rest of which is still there."""
    larger = png(np.random.default_rng(5).integers(0, 256, (200, 300, 3), np.uint8))
    if inside:
        return replaced(PLAIN, b"IDAT", chunk(b"IDAT", stream(PLAIN) + larger[900:]), chunk(b"IDAT", SECRET))
    return PLAIN + larger[len(PLAIN) :] + SECRET


def many_chunks(data, size=37):
    """The same picture in small chunks, some of them empty."""
    whole = stream(data)
    parts = [chunk(b"IDAT", whole[start : start + size]) for start in range(0, len(whole), size)]
    return replaced(data, b"IDAT", parts[0], chunk(b"IDAT", b""), *parts[1:])


def iccp(content):
    return chunk(b"iCCP", SECRET + b"\0\0" + zlib.compress(content))


class TestPng(Contract):
    CASES = (
        *(Case(f"from a phone, turned {way}", dirty_png(way), ["private chunk (prVt)", "text"]) for way in (1, 6)),
        Case("what was cropped away, behind the end", left_over(inside=False), ["data after the end of the image"]),
        Case("what was cropped away, in its pixels", left_over(inside=True), ["data after the end of the image"]),
        Case("small and empty chunks", inserted(many_chunks(PLAIN), TEXT), ["owner or artist"]),
        Case("palette with transparency", inserted(png(scene(alpha=True), "P", transparency=3), TEXT)),
        Case("16 bits of grey", inserted(png(scene()[..., 0].astype(np.uint16) * 257), TEXT)),
        Case(
            "a profile of its own", inserted(PLAIN, iccp(matrix_profile("mine", ((0.6, 0.3), (0.3, 0.5), (0.2, 0.1)))))
        ),
        Case("an animation", inserted(MOVING, TEXT, before=b"fcTL"), ["text"]),
        Case("an animation with a picture in front", inserted(apng(default_image=True), TEXT, at=-2), ["text"]),
    )
    FLIPS = 60


def test_pixels_are_copied_to_the_last_byte():
    for data in (PLAIN, many_chunks(PLAIN), dirty_png(6), left_over(inside=False)):
        assert stream(stripped(data)[0]) == stream(data[: data.index(b"IEND") + 8])
    assert stream(stripped(left_over(inside=True))[0]) == stream(PLAIN)


def test_all_frames_stay_with_their_timing():
    written, _ = stripped(inserted(MOVING, TEXT, at=-2))
    assert written == stripped(MOVING)[0]
    with Image.open(io.BytesIO(written)) as image:
        assert image.n_frames == 3
        assert [image.seek(number) or image.info["duration"] for number in range(3)] == [100, 40, 250]


def test_frames_are_numbered_anew_where_chunks_of_theirs_go():
    places = [piece for piece in png_chunks(MOVING) if piece.kind == b"fdAT"]
    first, second = (bytes(piece.payload) for piece in places)
    moved = MOVING.replace(chunk(b"fdAT", first), chunk(b"fdAT", first) + chunk(b"fdAT", first[:3] + b"\3" + SECRET))
    control = next(
        bytes(piece.payload) for piece in png_chunks(moved) if piece.kind == b"fcTL" and piece.payload[3] == 3
    )
    moved = moved.replace(chunk(b"fcTL", control), chunk(b"fcTL", b"\0\0\0\4" + control[4:]))
    moved = moved.replace(chunk(b"fdAT", second), chunk(b"fdAT", b"\0\0\0\5" + second[4:]))
    written, planned = stripped(moved)
    assert written == stripped(MOVING)[0]
    assert planned.removed == ("data after the end of the image",)


def test_an_animation_that_announces_no_frames_or_has_none_is_a_still_picture():
    alone = inserted(PLAIN, chunk(b"acTL", struct.pack(">II", 2, 0)))
    assert stripped(alone)[0] == stripped(PLAIN)[0]
    data = replaced(MOVING, b"acTL", chunk(b"acTL", bytes(8)))
    written, planned = stripped(data)
    assert set(kinds(written)) == {b"IHDR", b"IDAT", b"IEND"}
    assert {"private chunk (fcTL)", "private chunk (fdAT)"} <= set(planned.removed)


@pytest.mark.parametrize("way", range(1, 9))
def test_which_way_is_up_stays_in_a_block_of_its_own(way):
    digits = (b"Exif\0\0" + exif(way)).hex().encode()
    raw = chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n  99\n" + digits))
    packet = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + b'<x tiff:Orientation="%d"/>' % way)
    packed = chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(b'<x tiff:Orientation="%d"/>' % way))
    for data in (dirty_png(way), *(inserted(PLAIN, extra) for extra in (raw, packet, packed))):
        written, planned = stripped(data)
        with Image.open(io.BytesIO(written)) as image:
            assert dict(image.getexif()) == ({} if way == 1 else {0x0112: way})
        assert ("orientation" in planned.kept) == (way != 1)


SIZES = {b"cHRM": 32, b"sRGB": 1, b"gAMA": 4, b"mDCV": 24, b"cLLI": 8}
NUMBERS = {kind: chunk(kind, bytes(size - 1) + b"\1") for kind, size in SIZES.items()}
SDR, PQ, HLG = (chunk(b"cICP", bytes((12, transfer, 0, 1))) for transfer in (13, 16, 18))


@pytest.mark.parametrize("colours", [[b"sRGB"], [b"gAMA", b"cHRM"]])
def test_numbers_that_colours_depend_on_stay_in_one_order(colours):
    extra = [NUMBERS[kind] for kind in (b"cLLI", b"mDCV", *colours[::-1])]
    extra += [chunk(b"bKGD", b"\0\1\0\2\0\3"), PQ, chunk(b"sBIT", b"\5\6\5")]
    written, planned = stripped(inserted(PLAIN, *extra))
    order = [b"cICP", b"mDCV", b"cLLI", *colours, b"sBIT", b"bKGD"]
    assert kinds(written) == [b"IHDR", *order, *[b"IDAT"] * kinds(PLAIN).count(b"IDAT"), b"IEND"]
    assert planned.removed == ()


@pytest.mark.parametrize(
    ("kept", "gone"),
    [
        ([NUMBERS[b"sRGB"]], [b"gAMA"]),
        ([NUMBERS[b"sRGB"]], [b"cHRM"]),
        ([NUMBERS[b"gAMA"]], [b"mDCV"]),
        ([NUMBERS[b"gAMA"]], [b"cLLI"]),
        ([SDR, NUMBERS[b"sRGB"]], [b"mDCV", b"cLLI", b"gAMA", b"cHRM"]),
        ([HLG, NUMBERS[b"mDCV"], NUMBERS[b"sRGB"]], [b"gAMA", b"cHRM"]),
    ],
)
def test_numbers_of_colours_that_have_no_effect_go(kept, gone):
    clean = inserted(PLAIN, *kept)
    data = inserted(PLAIN, *kept, *(NUMBERS[kind] for kind in gone))
    scan(clean)
    with pytest.raises(ResidueError, match="no effect"):
        scan(data)
    written, planned = stripped(data)
    assert written == stripped(clean)[0] == clean
    assert planned.removed == ("numbers of colours that have no effect",)


def test_primaries_that_no_colour_can_have_go():
    data = inserted(PLAIN, chunk(b"cHRM", SECRET.ljust(32, b"!")))
    assert stripped(data)[0] == PLAIN
    with pytest.raises(ResidueError, match="cHRM"):
        scan(data)


def test_numbers_of_a_wrong_size_or_value_or_that_come_twice_or_late_go():
    wrong = [
        chunk(b"cHRM", bytes(31)),
        chunk(b"sRGB", b"\4"),
        chunk(b"gAMA", bytes(4)),
        chunk(b"cICP", b"\1\1\1\1"),
        chunk(b"bKGD", b"\1"),
        chunk(b"sBIT", b"\11\1\1"),
        chunk(b"tRNS", b"\1"),
        chunk(b"gAMA", b"\0\0\1\1")[:-1] + b"x",
    ]
    for extra in wrong:
        written, planned = stripped(inserted(PLAIN, extra))
        assert (written, planned.removed) == (stripped(PLAIN)[0], (f"private chunk ({extra[4:8].decode()})",))
    right = chunk(b"gAMA", b"\0\0\1\1")
    once = inserted(PLAIN, right)
    assert stripped(inserted(PLAIN, right, right))[0] == stripped(once)[0]
    assert stripped(inserted(once, right, before=b"IEND"))[0] == stripped(once)[0]


def test_a_profile_overrides_the_numbers_and_is_written_without_its_name():
    gamma = chunk(b"gAMA", b"\0\0\1\1")
    written, planned = stripped(inserted(PLAIN, gamma, iccp(DISPLAY_P3)))
    assert planned.kept == ("colour profile",)
    assert b"gAMA" not in kinds(written)
    assert "numbers of colours that have no effect" in planned.removed
    assert b"gAMA" not in kinds(stripped(inserted(PLAIN, gamma, iccp(profile())))[0])
    broken = chunk(b"iCCP", b"x\0\0" + b"no stream")
    assert b"gAMA" in kinds(stripped(inserted(PLAIN, gamma, broken))[0])
    with pytest.raises(ResidueError, match="no effect"):
        scan(inserted(written, gamma, before=b"IDAT"))


@pytest.mark.parametrize(
    ("across", "down", "kept"), [(2835, 2835, None), (2835, 2834, None), (2, 1, (2, 1)), (0, 5, None)]
)
def test_of_a_resolution_only_the_shape_of_a_pixel_is_kept(across, down, kept):
    written, planned = stripped(inserted(PLAIN, chunk(b"pHYs", struct.pack(">IIB", across, down, 1))))
    shapes = [bytes(piece.payload) for piece in png_chunks(written) if piece.kind == b"pHYs"]
    assert shapes == ([struct.pack(">IIB", *kept, 0)] if kept else [])
    assert planned.removed == ("resolution",)


def test_pixel_data_is_never_held():
    pixels = np.random.default_rng(1).integers(0, 256, (900, 1200, 3), np.uint8)
    planned = plan(Memory(png(pixels)), Keep())
    assert sum(len(piece) for piece in planned.pieces if not isinstance(piece, Span)) < 1000


PARTS = st.one_of(
    st.tuples(st.sampled_from([b"tEXt", b"zTXt", b"iTXt"]), st.binary(max_size=40)),
    st.tuples(
        st.sampled_from([b"eXIf", b"tIME", b"sPLT", b"hIST", b"oFFs", b"caBX", b"iDOT", b"prVt"]),
        st.binary(max_size=40),
    ),
).map(lambda pair: chunk(pair[0], pair[1] + SECRET))


@FEW
@given(extra=st.lists(st.tuples(PARTS, st.integers(0, 20)), max_size=6), moving=st.booleans())
def test_whatever_is_put_between_chunks_goes_and_the_picture_stays(extra, moving):
    clean = stripped(MOVING if moving else PLAIN)[0]
    ends = [piece.end for piece in png_chunks(clean) if piece.kind != b"IEND"]
    data = clean
    for part, number in sorted(extra, key=lambda pair: -pair[1]):
        place = ends[min(number, len(ends) - 1)]
        data = data[:place] + part + data[place:]
    assert stripped(data)[0] == clean


def test_xmp_is_named_by_what_it_says():
    text = chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(xmp()))
    assert "names of people or face regions" in stripped(inserted(PLAIN, text))[1].removed
