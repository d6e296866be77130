"""The second reader lets through what we write, and nothing that anybody could add to it."""

import contextlib
import io
import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from cloak.container import ENCODED, ColourSpace, Container, Encoding
from cloak.errors import ResidueError
from cloak.image.codec import encode
from cloak.image.scan import scan
from cloak.image.strip.bare import strip
from cloak.image.structure import jpeg_segments, png_chunks, riff_chunks, tiff_directory, tiff_order
from cloak.photo import Photo

from .dirty import DIRTY, chunk, exif, iptc, profile, scene, segment, xmp
from .test_codec import photo

PAYLOADS = st.binary(max_size=40)
MANY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def clean(container, **options):
    pixels = scene(alpha=options.pop("alpha", False))
    return encode(strip(photo(pixels, container, **{"quality": 85, **options})))


CLEAN = {container.value: clean(container) for container in sorted(ENCODED)}


@pytest.mark.parametrize("container", sorted(ENCODED))
@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("space", ColourSpace)
def test_what_we_write_passes(container, alpha, space):
    scan(clean(container, alpha=alpha, space=space))


@pytest.mark.parametrize("container", DIRTY)
def test_dirty_photos_are_refused(container):
    with pytest.raises(ResidueError):
        scan(DIRTY[container]())


def save(container, **options):
    buffer = io.BytesIO()
    Image.fromarray(scene()).save(buffer, container, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("container", "extra"),
    [
        *((container, {"exif": exif()}) for container in ("JPEG", "PNG", "WEBP", "AVIF", "TIFF")),
        *((container, {"icc_profile": profile()}) for container in ("JPEG", "PNG", "WEBP", "AVIF", "TIFF")),
        *((container, {"xmp": xmp()}) for container in ("JPEG", "WEBP", "AVIF")),
        *((container, {"dpi": (72, 72)}) for container in ("PNG", "TIFF")),
    ],
)
def test_each_kind_of_metadata_alone_is_refused(container, extra):
    with pytest.raises(ResidueError):
        scan(save(container, **extra))


def test_a_comment_a_thumbnail_and_iptc_are_refused_in_jpeg():
    data = CLEAN["jpeg"]
    thumbnail = b"JFIF\0\1\1\0\0\1\0\1\1\1" + b"\0\0\0"
    for extra in (segment(0xFE, b"hello"), segment(0xED, iptc()), segment(0xE0, b"JFXX\0\x10")):
        with pytest.raises(ResidueError):
            scan(data[:20] + extra + data[20:])
    with pytest.raises(ResidueError):
        scan(data[:2] + segment(0xE0, thumbnail) + data[20:])


@pytest.mark.parametrize("container", CLEAN)
@MANY
@given(tail=st.binary(min_size=1, max_size=40))
def test_anything_after_the_end_is_refused(container, tail):
    with pytest.raises(ResidueError):
        scan(CLEAN[container] + tail)


@pytest.mark.parametrize("container", CLEAN)
@MANY
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_truncated_file_is_refused(container, share):
    data = CLEAN[container]
    with pytest.raises(ResidueError):
        scan(data[: int(len(data) * share)])


@pytest.mark.parametrize("container", CLEAN)
@settings(max_examples=150, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), value=st.binary(min_size=1, max_size=6))
def test_overwritten_bytes_never_crash_the_scan(container, place, value):
    data = bytearray(CLEAN[container])
    start = int(place * min(len(data), 700))
    data[start : start + len(value)] = value
    with contextlib.suppress(ResidueError):
        scan(bytes(data))


@MANY
@given(
    marker=st.sampled_from([m for m in range(0xC0, 0xFF) if not 0xD0 <= m <= 0xD9]), payload=PAYLOADS, data=st.data()
)
def test_any_segment_inserted_into_a_jpeg_is_refused(marker, payload, data):
    clean_file = CLEAN["jpeg"]
    starts = [piece.start for piece in jpeg_segments(clean_file)][1:]
    # A well-formed table could be there rightfully; one of these random bytes is not.
    position = data.draw(st.sampled_from(starts))
    if marker == 0xDD:
        payload += b"\0\0\0"
    with pytest.raises(ResidueError):
        scan(clean_file[:position] + segment(marker, payload) + clean_file[position:])


# A well-formed one of these could be there rightfully: colours depend on it.
PNG_COLOUR = (
    b"gAMA",
    b"cHRM",
    b"sRGB",
    b"cICP",
    b"mDCV",
    b"cLLI",
    b"sBIT",
    b"bKGD",
    b"tRNS",
    b"PLTE",
    b"pHYs",
    b"acTL",
)


@MANY
@given(kind=st.binary(min_size=4, max_size=4), payload=PAYLOADS, data=st.data())
def test_any_chunk_inserted_into_a_png_is_refused(kind, payload, data):
    assume(kind not in PNG_COLOUR)
    clean_file = CLEAN["png"]
    position = data.draw(st.sampled_from([piece.start for piece in png_chunks(clean_file)]))
    with pytest.raises(ResidueError):
        scan(clean_file[:position] + chunk(kind, payload) + clean_file[position:])


@pytest.mark.parametrize(
    "kind", [b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"tIME", b"pHYs", b"sPLT", b"prVt", b"caBX", b"acTL"]
)
def test_known_private_and_text_chunks_are_refused(kind):
    with pytest.raises(ResidueError, match=kind.decode()):
        scan(CLEAN["png"][:33] + chunk(kind, b"a\0b") + CLEAN["png"][33:])


def test_what_was_cropped_away_is_found_behind_the_pixels_of_a_png():
    # aCropalypse: the rest of the old file stays behind the new, shorter one; here inside IDAT.
    data = CLEAN["png"]
    with pytest.raises(ResidueError, match="does not end"):
        scan(data[:-12] + chunk(b"IDAT", b"left over") + data[-12:])


def test_a_wrong_checksum_is_refused():
    data = bytearray(CLEAN["png"])
    data[-16] ^= 1
    with pytest.raises(ResidueError, match="checksum"):
        scan(bytes(data))


@pytest.mark.parametrize("alpha", [False, True])
@MANY
@given(kind=st.binary(min_size=4, max_size=4), payload=PAYLOADS, data=st.data())
def test_any_chunk_inserted_into_a_webp_is_refused(alpha, kind, payload, data):
    clean_file = clean("webp", alpha=alpha) if alpha else CLEAN["webp"]
    position = data.draw(st.sampled_from([piece.end for piece in riff_chunks(clean_file)]))
    extra = kind + struct.pack("<I", len(payload)) + payload + b"\0" * (len(payload) % 2)
    longer = clean_file[:position] + extra + clean_file[position:]
    with pytest.raises(ResidueError):
        scan(longer[:4] + struct.pack("<I", len(longer) - 8) + longer[8:])


@pytest.mark.parametrize("container", ["heic", "avif"])
@MANY
@given(kind=st.binary(min_size=4, max_size=4), payload=PAYLOADS, data=st.data())
def test_any_box_inserted_into_heic_or_avif_is_refused(container, kind, payload, data):
    clean_file = CLEAN[container]
    level = data.draw(st.sampled_from(["top", "meta", "ipco"]))
    extra = struct.pack(">I4s", 8 + len(payload), kind) + payload
    places = {b"meta": clean_file.find(b"meta") - 4}
    if level == "top":
        changed = clean_file[: places[b"meta"]] + extra + clean_file[places[b"meta"] :]
    else:
        changed = bytearray(clean_file)
        parents = [b"meta"] if level == "meta" else [b"meta", b"iprp", b"ipco"]
        for parent in parents:
            start = clean_file.find(parent) - 4
            size = struct.unpack_from(">I", clean_file, start)[0]
            struct.pack_into(">I", changed, start, size + len(extra))
            end = start + size
        changed = bytes(changed[:end]) + extra + bytes(changed[end:])
    with pytest.raises(ResidueError):
        scan(changed)


@MANY
@given(tag=st.integers(0, 65535), kind=st.integers(0, 13), value=st.binary(min_size=4, max_size=4))
def test_any_tag_added_to_a_tiff_is_refused(tag, kind, value):
    data = CLEAN["tiff"]
    little, offset = tiff_order(memoryview(data))
    directory = tiff_directory(memoryview(data), offset, little=little)
    count = len(directory.entries)
    old = data[offset + 2 : offset + 2 + 12 * count]
    # A new directory at the end of the file: the old one is then used by nothing, which must not pass either.
    new = struct.pack("<H", count + 1) + old + struct.pack("<HHI", tag, kind, 1) + value + b"\0" * 4
    even = data + b"\0" * (len(data) % 2)
    with pytest.raises(ResidueError):
        scan(even[:4] + struct.pack("<I", len(even)) + even[8:] + new)


@pytest.mark.parametrize(
    "data", [b"", b"\0", b"GIF89a", b"II*\0", b"\xff\xd8", b"RIFF\0\0\0\0WEBP", b"\0\0\0\x08ftyp", b"x" * 99]
)
def test_an_unknown_or_empty_container_is_refused(data):
    with pytest.raises(ResidueError):
        scan(data)


@given(data=st.binary(max_size=200), head=st.sampled_from([b"", *(value[:24] for value in CLEAN.values())]))
@settings(max_examples=300, deadline=None)
def test_random_bytes_are_refused_without_a_crash(data, head):
    with pytest.raises(ResidueError):
        scan(head + data)


def test_a_message_inside_an_hevc_picture_is_refused():
    data = CLEAN["heic"]
    start = data.find(b"mdat") + 4
    signed = bytearray(data)
    signed[start + 4] = 39 << 1  # the picture's only unit becomes a supplemental message
    with pytest.raises(ResidueError, match="unit of kind 39"):
        scan(bytes(signed))


def test_metadata_inside_an_av1_picture_is_refused():
    data = CLEAN["avif"]
    start = data.find(b"mdat") + 4
    signed = bytearray(data)
    signed[start] = 5 << 3 | 2
    with pytest.raises(ResidueError, match="unit of kind 5"):
        scan(bytes(signed))


def test_encode_scans_what_it_wrote(monkeypatch):
    monkeypatch.setattr("cloak.image.encode.write", lambda *_: save("JPEG", exif=exif()))
    with pytest.raises(ResidueError, match="APP1"):
        encode(strip(Photo(pixels=photo(scene(), "jpeg").pixels, encoding=Encoding(container=Container.JPEG))))


def test_the_scan_takes_linear_time_on_entropy_coded_data_full_of_stuffing():
    head = CLEAN["jpeg"][: next(p.start for p in jpeg_segments(CLEAN["jpeg"]) if p.kind == b"\xda") + 14]
    stuffed = np.tile(np.array([0xFF, 0x00], np.uint8), 4_000_000).tobytes()
    with pytest.raises(ResidueError):
        scan(head + stuffed)  # 8 MB without an end
