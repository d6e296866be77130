"""HEIC and AVIF: pictures, tiles, overlays, alpha and every frame stay; what is said about them goes."""

import io
import struct

import pillow_heif
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cloak.errors import UnsupportedPhotoError
from cloak.image import blocks
from cloak.image.icc import DISPLAY_P3, SRGB_PRIMARIES, matrix_profile
from cloak.image.strip.base import SEVERAL, TURNED_BY_TEXT, Keep, Memory
from cloak.image.strip.isobmff import plan

from .contract import Case, Contract, assert_clean, frames, stripped
from .dirty import SECRET, dirty_avif, dirty_heic, exif, profile, scene, xmp
from .isobmff_files import (
    ALPHA,
    APPLE_GAIN,
    AV1_PADDING,
    AV1_TEXT,
    AVIF,
    DEPTH,
    FEW,
    SIGNED,
    Item,
    about,
    alpha_of,
    box,
    build,
    coded,
    full,
    gain_map,
    grid,
    like,
    overlay,
    refused,
    turned,
)

GOES = ("GPS position", "XMP", "owner or artist")


def heif(*pictures, **options):
    """A HEIC file of several pictures, each with its own EXIF block."""
    file = pillow_heif.HeifFile()
    for picture in pictures:
        file.add_from_pillow(picture).info["exif"] = b"Exif\0\0" + exif()
    buffer = io.BytesIO()
    file.save(buffer, quality=80, enc_params={"preset": "ultrafast"}, **options)
    return buffer.getvalue()


def phone():
    """Tiles with all that a phone adds: thumbnail, depth, gain map, EXIF, XMP, a film, C2PA and free space."""
    parts = grid()
    parts.append(alpha_of(coded(turn=90), 1, APPLE_GAIN))
    credentials = box(b"uuid", bytes.fromhex("d8fec3d61b0e483c92975828877ec481"), SECRET)
    tail = box(b"mpvd", SECRET) + box(b"free", SECRET) + credentials + box(b"zzzz", SECRET)
    groups = box(b"grpl", full(b"altr", struct.pack(">II", 99, 0)))
    return build(parts, gap=SECRET, before=box(b"skip", SECRET), after=tail, extra=groups + box(b"udta", SECRET))


def signed(container):
    """A picture whose encoder left messages in it, and beside it."""
    item = coded(container)
    if container == "avif":
        properties = [(k, body + AV1_TEXT if k == b"av1C" else body, m) for k, body, m in item.properties]
        return build([like(item, data=AV1_TEXT + item.data + AV1_PADDING, properties=properties)], brands=AVIF)
    message = struct.pack(">I", len(SIGNED)) + SIGNED
    kind, body, mark = item.properties[0]
    body = body[:22] + bytes([body[22] + 1]) + body[23:] + struct.pack(">BHH", 39, 1, len(SIGNED)) + SIGNED
    return build(
        [like(item, data=message + item.data + message, properties=[(kind, body, mark), *item.properties[1:]])]
    )


class TestStill(Contract):
    CASES = (
        Case("heic", dirty_heic(), (*GOES, "thumbnail", blocks.MOTION)),
        Case("heic turned", dirty_heic(6), GOES),
        Case("heic with alpha", dirty_heic(pixels=scene(alpha=True)), GOES),
        Case("avif", dirty_avif(), GOES),
        Case("avif turned", dirty_avif(5), GOES),
        Case("avif with alpha", dirty_avif(pixels=scene(alpha=True)), GOES),
        Case("heic of several pictures", heif(*(Image.fromarray(scene()).rotate(n) for n in (0, 180))), GOES[:1]),
    )
    FLIPS = 100


class TestBuilt(Contract):
    CASES = (
        Case("phone", phone(), (*GOES, blocks.MOTION, blocks.DEPTH, blocks.GAIN, blocks.THUMBNAIL, blocks.CREDENTIALS)),
        Case("tiles, avif", build(grid("avif"), brands=AVIF, gap=SECRET), (*GOES, "bytes that nothing uses")),
        Case("overlay", build(overlay()), GOES),
        Case("another picture, turned and cropped", build(turned()), GOES),
        Case("gain map", build(gain_map(), brands=AVIF + b"tmap"), (*GOES, blocks.GAIN)),
        Case("signed heic", signed("heic"), ("messages of the encoder inside the picture",)),
        Case("signed avif", signed("avif"), ("messages of the encoder inside the picture",)),
    )
    FLIPS = 100


@FEW
@given(
    container=st.sampled_from(["heic", "avif"]),
    kind=st.sampled_from(["plain", "grid", "alpha"]),
    gap=st.sampled_from([b"", SECRET, bytes(3)]),
    parts=st.integers(1, 4),
    wide=st.booleans(),
    first=st.booleans(),
    stored=st.booleans(),
    junk=st.lists(st.tuples(st.sampled_from([b"free", b"uuid", b"zzzz", b"udta"]), st.binary(max_size=9)), max_size=3),
)
def test_however_a_file_is_laid_out_its_picture_stays_and_nothing_else(  # noqa: PLR0917
    container, kind, gap, parts, wide, first, stored, junk
):
    picture = like(coded(container), stored=stored)
    items = {
        "plain": lambda: [picture, *about(1)],
        "grid": lambda: grid(container, stored=stored),
        "alpha": lambda: [picture, alpha_of(coded(container, turn=90), 1), *about(1)],
    }[kind]()
    extra = b"".join(box(name, SECRET * 2, content) for name, content in junk)
    data = build(
        items,
        brands=AVIF if container == "avif" else b"heicmif1miaf",
        gap=gap,
        parts=parts,
        wide=wide,
        first=first,
        before=extra,
        after=extra,
        extra=extra,
        name=b"by " + SECRET,
    )
    written, _ = stripped(data)
    assert_clean(written)
    assert frames(written) == frames(data)
    assert stripped(written)[0] == written


@pytest.mark.parametrize("turn", [b"\0", b"\1", b"\3"])
def test_the_way_up_is_kept_or_left_out_as_is_asked(turn):
    item = coded()
    data = build([like(item, properties=[*item.properties, (b"irot", turn, True)])])
    written, planned = stripped(data)
    assert planned.kept == ("orientation",)
    assert frames(written) == frames(data)
    without, planned = stripped(data, Keep(orientation=False))
    assert planned.kept == ()
    assert frames(without) == frames(build([item]))


def coloured(*boxes, container="heic"):
    item = coded(container)
    rest = [one for one in item.properties if one[0] != b"colr"]
    return build([like(item, properties=[*rest, *((b"colr", body, False) for body in boxes)])], brands=AVIF)


def test_a_profile_is_written_without_its_names():
    written, planned = stripped(coloured(b"prof" + matrix_profile(SECRET.decode(), SRGB_PRIMARIES, gamma=2.0)))
    assert planned.kept == (blocks.PROFILE,)
    assert_clean(written)
    assert b"prof" in written
    assert blocks.PROFILE in stripped(coloured(b"prof" + DISPLAY_P3))[1].kept


def test_a_profile_that_goes_has_the_last_word_over_code_points():
    wide = struct.pack(">4sHHHB", b"nclx", 12, 16, 6, 0x80)
    written, _ = stripped(coloured(b"prof" + profile(), wide))
    assert struct.pack(">4sHHHB", b"nclx", 1, 13, 6, 0x80) in written
    assert wide in stripped(coloured(wide))[0]
    assert wide in stripped(coloured(b"prof" + profile(), wide), Keep(profile=False))[0]
    refused(coloured(b"prof" + profile(), struct.pack(">4sHHHB", b"nclx", 12, 16, 12, 0x80)), UnsupportedPhotoError)


def test_a_property_that_describes_goes_and_one_that_changes_the_picture_is_refused():
    item = coded()
    text = (b"udes", bytes(4) + SECRET, False)
    private = (b"zzzz", SECRET, False)
    written, planned = stripped(build([like(item, properties=[*item.properties, text, private])]))
    assert_clean(written)
    assert {blocks.TEXT, "private property (zzzz)"} <= set(planned.removed)
    refused(build([like(item, properties=[*item.properties, (b"zzzz", b"", True)])]), UnsupportedPhotoError, "zzzz")


def test_all_pictures_that_are_shown_stay_and_hidden_ones_go():
    data = build([coded(), coded(turn=90), like(coded(turn=180), hidden=True)])
    written, planned = stripped(data)
    assert frames(written) == frames(data)
    assert len(frames(written)) == 2
    assert planned.removed == ("private item (hvc1)",)
    assert planned.notes == (SEVERAL,)
    assert stripped(build([coded(), like(coded(turn=180), hidden=True)]))[1].notes == ()


def test_a_thumbnail_that_is_linked_the_wrong_way_round_goes():
    small = coded(turn=90)
    data = build([like(coded(), links={b"thmb": [2]}), small])
    written, planned = stripped(data)
    assert (planned.removed, planned.notes) == ((blocks.THUMBNAIL,), ())
    assert small.data not in written


def test_a_further_picture_that_cannot_be_rewritten_goes():
    data = build([coded(), Item(b"jpeg", b"\xff\xd8" + SECRET, coded().properties[1:])])
    written, planned = stripped(data)
    assert_clean(written)
    assert "private item (jpeg)" in planned.removed


@pytest.mark.parametrize("kind", [DEPTH, APPLE_GAIN, b"urn:x", ALPHA])
def test_alpha_is_the_only_helper_that_stays(kind):
    data = build([coded("avif"), alpha_of(coded("avif", turn=90), 1, kind)], brands=AVIF)
    written, _ = stripped(data)
    assert_clean(written)
    assert frames(written) == frames(data)
    assert (frames(written)[0][1] == "RGBA") == (kind == ALPHA)


def test_layers_are_measured_again_after_messages_went():
    item = coded("avif")
    frame = item.data[item.data.index(b"\x32") :]
    data = item.data + AV1_TEXT + b"\x36\x08" + frame[1:]  # the frame again, as that of a second layer
    sizes = struct.pack(">B3H", 0, len(item.data + AV1_TEXT), 0, 0)
    written, _ = stripped(
        build([like(item, data=data, properties=[*item.properties, (b"a1lx", sizes, False)])], brands=AVIF)
    )
    assert b"a1lx" + struct.pack(">B3I", 1, len(item.data), 0, 0) in written


def test_names_of_items_and_handlers_go():
    written, planned = stripped(build([like(coded(), name=SECRET)], name=SECRET))
    assert_clean(written)
    assert "names of the file's parts" in planned.removed


def test_memory_does_not_grow_with_the_picture():
    class Counting(Memory):
        largest = 0

        def read(self, offset, count):
            self.largest = max(self.largest, count)
            return super().read(offset, count)

    item = coded("avif")
    tiles = item.data + bytes([4 << 3 | 2, 0x80, 0x80, 0x80, 0x02]) + bytes(1 << 22)
    source = Counting(build([like(item, data=tiles)], brands=AVIF))
    planned = plan(source, Keep())
    assert planned.size > 1 << 22
    assert source.largest < 5000


def test_xmp_and_exif_are_named_even_where_no_item_refers_to_them():
    items = [coded(), Item(b"Exif", bytes(4) + exif()), Item(b"mime", xmp(), about=b"application/rdf+xml\0")]
    assert set(GOES) <= set(stripped(build(items))[1].removed)


@pytest.mark.parametrize(
    "tail",
    [b"\0\0\0\3SEFT" + SECRET, bytes(9) + SECRET, b"\0\0\0\1abcd" + bytes(8), box(b"ftyp", b"mp42") + box(b"moov")],
)
def test_what_follows_the_last_box_is_named_whatever_it_is(tail):
    data = build([coded()])
    written, planned = stripped(data + tail)
    assert planned.removed == (blocks.TRAILER, *((blocks.MOTION,) if b"ftyp" in tail else ()))
    assert written == stripped(data)[0]


def test_which_way_is_up_is_what_the_properties_say_and_not_what_exif_and_xmp_say():
    # ISO/IEC 23008-12, annex A: the orientation in EXIF is to be ignored.
    packet = xmp().replace(b"<rdf:Description", b'<rdf:Description tiff:Orientation="3"', 1)
    said = [Item(b"Exif", bytes(4) + exif(6)), Item(b"mime", packet, about=b"application/rdf+xml\0")]
    written, planned = stripped(build([coded(), *said]))
    assert planned.kept == ()
    assert planned.notes == (TURNED_BY_TEXT,)
    assert written == stripped(build([coded()]))[0]
    for part in said:
        assert stripped(build([coded(), part]))[1].notes == (TURNED_BY_TEXT,)
    turned_too = like(coded(), properties=[*coded().properties, (b"irot", b"\1", True)])
    for items in ([turned_too, *said], [coded(), *about(1)]):
        assert stripped(build(items))[1].notes == ()
