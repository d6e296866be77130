"""Say what a photo's file carries beside the picture, in people's words: names of things, never what they say."""

import zlib
from collections.abc import Callable, Iterator

from cloak.container import Container
from cloak.errors import PhotoError
from cloak.image import blocks, bmff
from cloak.image.icc import DISPLAY_P3
from cloak.image.sniff import sniff
from cloak.image.structure import (
    EOI,
    Piece,
    StructureError,
    jpeg_segments,
    png_chunks,
    riff_chunks,
)

_XMP_HEADERS = (b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0")
_FILMS = (b"ftypmp4", b"ftypisom", b"ftypqt", b"ftypMSNV", b"MotionPhoto_Data")
_PLAIN_PNG = frozenset(
    {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"sRGB", b"gAMA", b"cHRM", b"sBIT", b"bKGD", b"hIST"}
)
_PNG = {
    b"tIME": blocks.WHEN,
    b"pHYs": "resolution",
    b"caBX": blocks.CREDENTIALS,
}
_PLAIN_WEBP = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF"})
_RAW_PROFILES = ((b"exif", blocks.SETTINGS), (b"APP1", blocks.SETTINGS), (b"iptc", blocks.IPTC), (b"xmp", blocks.XMP))


def find(data: bytes) -> tuple[str, ...]:
    """Name the metadata that a file carries.

    Args:
        data: the file's content, of any kind; damaged files are read as far as they can be followed.

    Returns:
        names such as "GPS position" or "maker note", each once, in alphabetical order. An empty result means that
        nothing was found by this search, not that there is nothing.
    """
    found: set[str] = set()
    try:
        for name in _SEARCHES[sniff(data)](data):
            found.add(name)
    except (PhotoError, StructureError, IndexError, zlib.error):
        pass
    return tuple(sorted(found, key=str.casefold))


def _jpeg(data: bytes) -> Iterator[str]:
    for segment in jpeg_segments(data):
        marker = segment.kind[0] if segment.kind else 0
        if marker == 0xFE:
            yield blocks.TEXT
        elif 0xE0 <= marker <= 0xEF:
            yield from _application(marker - 0xE0, segment.payload)
        elif marker == EOI:
            yield from _after(data, segment.end)


def _application(number: int, payload: memoryview) -> Iterator[str]:
    head = bytes(payload[:40])
    if number == 1 and head.startswith(b"Exif\0"):
        yield from blocks.in_exif(payload)
    elif number == 1 and head.startswith(_XMP_HEADERS):
        yield from blocks.in_xmp(payload)
    elif number == 13 and head.startswith(b"Photoshop 3.0\0"):
        yield from blocks.in_photoshop(payload[14:])
    elif number == 2 and head.startswith(b"ICC_PROFILE\0"):
        yield from _profile(payload[14:])
    elif number == 2 and head.startswith(b"MPF\0"):
        yield "further images (multi-picture file)"
    elif number == 2 and head.startswith(b"urn:iso:std:iso:ts:21496:"):
        yield blocks.GAIN
    elif number == 11 and b"jumb" in head:
        yield blocks.CREDENTIALS
    elif number == 0 and head.startswith((b"JFIF\0", b"JFXX\0")):
        if head.startswith(b"JFXX") or any(payload[12:14]):
            yield blocks.THUMBNAIL
    elif not (number == 14 and head.startswith(b"Adobe")):
        yield f"application data (APP{number})"


def _profile(profile: memoryview) -> Iterator[str]:
    if profile != DISPLAY_P3:  # ours says nothing about anybody
        yield blocks.PROFILE


def _after(data: bytes, end: int) -> Iterator[str]:
    if end < len(data):
        yield blocks.TRAILER
        if any(data.find(mark, end) >= 0 for mark in _FILMS):
            yield blocks.MOTION


def _png(data: bytes) -> Iterator[str]:
    for chunk in png_chunks(data):
        if chunk.kind == b"eXIf":
            yield from blocks.in_exif(chunk.payload)
        elif chunk.kind in {b"tEXt", b"zTXt", b"iTXt"}:
            yield from _png_text(chunk)
        elif chunk.kind in _PNG:
            yield _PNG[chunk.kind]
        elif chunk.kind == b"iCCP":
            packed = bytes(chunk.payload).partition(b"\0")[2][1:]
            yield from _profile(memoryview(zlib.decompressobj().decompress(packed, len(DISPLAY_P3) + 1)))
        elif chunk.kind == b"IEND":
            yield from _after(data, chunk.end)
        elif chunk.kind not in _PLAIN_PNG:
            yield f"private chunk ({chunk.kind.decode('latin-1')})"


def _png_text(chunk: Piece) -> Iterator[str]:
    keyword, _, rest = bytes(chunk.payload).partition(b"\0")
    if keyword == b"XML:com.adobe.xmp":
        yield from blocks.in_xmp(memoryview(rest))
        return
    yield "text"
    for mark, name in _RAW_PROFILES:
        if keyword == b"Raw profile type " + mark:
            yield name
    names = {
        b"Author": blocks.OWNER,
        b"Copyright": blocks.RIGHTS,
        b"Software": blocks.SOFTWARE,
        b"Creation Time": blocks.WHEN,
    }
    if keyword in names:
        yield names[keyword]


def _webp(data: bytes) -> Iterator[str]:
    end = 12
    for chunk in riff_chunks(data):
        end = chunk.end
        if chunk.kind == b"EXIF":
            yield from blocks.in_exif(chunk.payload)
        elif chunk.kind == b"XMP ":
            yield from blocks.in_xmp(chunk.payload)
        elif chunk.kind == b"ICCP":
            yield from _profile(chunk.payload)
        elif chunk.kind == b"C2PA":
            yield blocks.CREDENTIALS
        elif chunk.kind not in _PLAIN_WEBP:
            yield f"private chunk ({chunk.kind.decode('latin-1')})"
    yield from _after(data, end)


def _tiff(data: bytes) -> Iterator[str]:
    return blocks.in_tiff(memoryview(data), container=True)


def _isobmff(data: bytes) -> Iterator[str]:
    end = 0
    for box in bmff.own_boxes(memoryview(data)):
        end = box.end
        if box.kind == b"meta":
            meta = bmff.read_meta(box)
            yield from _items(data, meta)
            yield from _linked(meta)
        elif box.kind == b"mpvd":
            yield blocks.MOTION
        elif box.kind == b"uuid" and bytes(box.body[:16]).hex() == "d8fec3d61b0e483c92975828877ec481":
            yield blocks.CREDENTIALS
        elif box.kind not in {b"ftyp", b"mdat", b"free", b"skip"}:
            yield f"private box ({box.kind.decode('latin-1')})"
    yield from _after(data, end)


def _items(data: bytes, meta: bmff.Meta) -> Iterator[str]:
    for number, item in meta.items.items():
        if item.kind not in {b"Exif", b"mime", b"uri "}:
            continue
        content = memoryview(b"".join(data[start:end] for start, end in bmff.extents(data, meta, number)))
        if item.kind == b"Exif":  # a length, then that many bytes, then the TIFF header
            yield from blocks.in_exif(content[4 + int.from_bytes(content[:4], "big") :])
        elif item.extra.startswith(b"application/rdf+xml"):
            yield from blocks.in_xmp(content)
        else:
            yield "private item"


def _linked(meta: bmff.Meta) -> Iterator[str]:
    if any(reference.kind == b"thmb" for reference in meta.references):
        yield blocks.THUMBNAIL
    for box in meta.properties:
        kind = bytes(box.body[4:]).split(b"\0")[0]
        if box.kind == b"colr" and bytes(box.body[:4]) in {b"prof", b"rICC"}:
            yield from _profile(box.body[4:])
        elif box.kind == b"auxC" and (b"depth" in kind.lower() or kind.endswith(b"auxid:2")):
            yield blocks.DEPTH
        elif box.kind == b"auxC" and b"gainmap" in kind.lower():
            yield blocks.GAIN
        elif box.kind == b"auxC" and b"alpha" not in kind.lower() and not kind.endswith(b"auxid:1"):
            yield "auxiliary image"
        elif box.kind == b"udes":
            yield blocks.TEXT
    if any(item.kind == b"tmap" for item in meta.items.values()):
        yield blocks.GAIN


_SEARCHES: dict[Container, Callable[[bytes], Iterator[str]]] = {
    Container.JPEG: _jpeg,
    Container.PNG: _png,
    Container.WEBP: _webp,
    Container.TIFF: _tiff,
    Container.AVIF: _isobmff,
    Container.HEIC: _isobmff,
}
