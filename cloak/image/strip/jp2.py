"""Rewrite a JPEG 2000 file: a header of known boxes around the codestream, or a codestream alone.

Source: ITU-T T.800, annex I (boxes); T.801, annex M (profiles of any kind).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from cloak.errors import UnsupportedPhotoError
from cloak.image import blocks, profiles
from cloak.image.strip.base import Keep, Piece, Plan, Source, merged
from cloak.image.strip.jp2_channels import wrong_channels
from cloak.image.strip.jp2_codestream import codestream, damaged

_SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
_STREAM = b"\xff\x4f\xff\x51"
_LARGEST = 1 << 24  # bytes of a header, profiles included
_LOOKED_AT = 1 << 20  # bytes of a block in which names are looked for
_MOST_BOXES = 10_000
_ORDER = (b"ihdr", b"bpcc", b"colr", b"pclr", b"cmap", b"cdef")
_SRGB, _GREY, _SYCC, _CMYK, _LAB, _ESRGB, _ROMM = 16, 17, 18, 12, 14, 20, 21
_SPACES = frozenset({_SRGB, _GREY, _SYCC, _CMYK, _ESRGB, _ROMM, 0, 1, 3, 4, 9, 11, 13, 15, 19, 22, 23, 24})
_EXIF_UUID = b"JpgTiffExif->JP2"
_XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_IPTC_UUID = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")
_GEO_UUID = bytes.fromhex("b14bf8bd083d4b43a5ae8cd7d5a6ce03")
_NAMES = {
    b"jumb": blocks.CREDENTIALS,
    b"jp2i": blocks.RIGHTS,
    b"xml ": "XML",
    b"asoc": blocks.TEXT,
    b"lbl ": blocks.TEXT,
    b"res ": blocks.RESOLUTION,
    b"uinf": "web addresses",
    b"free": blocks.STRAY,
    b"skip": blocks.STRAY,
}


@dataclass(frozen=True, slots=True)
class _Box:
    kind: bytes
    start: int
    end: int


@dataclass(slots=True)
class _Found:
    """What a file consists of."""

    brand: bytes = b"jp2 "
    header: _Box | None = None
    stream: _Box | None = None
    removed: set[str] = field(default_factory=set)
    kept: tuple[str, ...] = ()


def plan(source: Source, keep: Keep) -> Plan:
    """Decide what the new file consists of.

    Raises:
        UnreadablePhotoError: truncated, damaged, or without a picture.
        UnsupportedPhotoError: several pictures, extensions that we do not know, or a profile that cannot be rewritten
            (see `cloak.image.profiles`).
    """
    if source.read(0, 4) == _STREAM:
        stream = codestream(source, 0, source.size)
        return Plan(tuple(merged(stream.pieces)), tuple(stream.removed))
    found = _read(source)
    if found.header is None or found.stream is None:
        raise damaged("no header, or no picture in it")
    header = _header(source, found, keep)
    stream = codestream(source, found.stream.start, found.stream.end)
    if stream.coding.components != int.from_bytes(header[16:18], "big"):
        raise damaged("another number of components in its header than in its picture")
    found.removed |= stream.removed
    size = sum(len(piece) for piece in stream.pieces)
    long = size + 8 >= 1 << 32
    head = struct.pack(">I4sQ", 1, b"jp2c", size + 16) if long else struct.pack(">I4s", size + 8, b"jp2c")
    kind = _made(b"ftyp", found.brand + bytes(4) + found.brand)
    pieces: list[Piece] = [_SIGNATURE + kind + _made(b"jp2h", header) + head, *stream.pieces]
    return Plan(tuple(merged(pieces)), tuple(found.removed), found.kept)


def _read(source: Source) -> _Found:
    if source.read(0, 12) != _SIGNATURE:
        raise damaged("it does not start with the signature of a JPEG 2000 file")
    found = _Found()
    for box in _boxes(source, 12, source.size, found):
        if box.kind == b"ftyp":
            found.brand = b"jph " if source.read(box.start, min(4, box.end - box.start)) == b"jph " else found.brand
        elif box.kind == b"jp2h" and found.header is None:
            found.header = box
        elif box.kind == b"jp2c" and found.stream is None:
            found.stream = box
        elif box.kind in {b"jp2c", b"jpch", b"jplh", b"comp", b"ftbl"}:
            raise UnsupportedPhotoError("JPEG 2000: several pictures or layers in one file: save it as JP2 first")
        elif box.kind != b"rreq":  # what a reader needs to know: nothing, of what is written
            found.removed.update(_names(source, box))
    return found


def _boxes(source: Source, position: int, stop: int, found: _Found) -> Iterator[_Box]:
    for _ in range(_MOST_BOXES):
        if position == stop:
            return
        if stop - position < 8:
            break
        size, kind = struct.unpack(">I4s", source.read(position, 8))
        start = position + 8
        if size == 1 and stop - start >= 8:
            size, start = int.from_bytes(source.read(start, 8), "big"), start + 8
        end = position + size if size else stop
        if not start <= end <= stop:
            break
        yield _Box(kind, start, end)
        position = end
    if found.stream is None:
        raise damaged(f"a box at byte {position} that does not fit, or too many of them")
    found.removed.add(blocks.TRAILER)


def _names(source: Source, box: _Box) -> Iterator[str]:
    """Name what is in a box that is left out."""
    content = source.read(box.start, min(box.end - box.start, _LOOKED_AT))
    if box.kind == b"uuid":
        kind, body = content[:16], memoryview(content)[16:]
        if kind == _XMP_UUID:
            yield from blocks.in_xmp(body)
        elif kind == _EXIF_UUID:
            yield blocks.EXIF
            yield from blocks.in_exif(body)
        elif kind == _IPTC_UUID:
            yield from blocks.in_iptc(body)
        else:
            yield blocks.GPS if kind == _GEO_UUID else "private data"
        return
    if box.kind == b"xml ":
        yield from list(blocks.in_xmp(memoryview(content)))[1:]
    yield _NAMES.get(box.kind) or f"private box ({box.kind.decode('latin-1')})"


def _header(source: Source, found: _Found, keep: Keep) -> bytes:
    """The boxes of the header, in the order of the standard."""
    box = found.header
    if box is None or box.end - box.start > _LARGEST:
        raise damaged("a header that is not there, or too long")
    inner: dict[bytes, bytes] = {}
    for part in _boxes(source, box.start, box.end, found):
        content = source.read(part.start, part.end - part.start)
        usable = part.kind != b"colr" or content[:1] in {b"\1", b"\2", b"\3"}
        if part.kind in _ORDER and part.kind not in inner and usable:
            inner[part.kind] = content
        elif part.kind == b"colr":
            found.removed.add(blocks.PROFILE)
        else:
            found.removed.update(_names(source, part))
    if len(inner.get(b"ihdr", b"")) != 14:
        raise damaged("no size of the picture in its header")
    height, width, components, depth, coded, unknown, _ = struct.unpack(">IIHBBBB", inner[b"ihdr"])
    inner[b"ihdr"] = struct.pack(">IIHBBBB", height, width, components, depth, coded, min(unknown, 1), 0)
    if b"cmap" in inner and b"pclr" not in inner:
        found.removed.add(blocks.STRAY)
        del inner[b"cmap"]
    inner[b"colr"] = _colour(inner.get(b"colr", b""), components, found, keep)
    for kind, size in _exact(inner, components):
        if len(inner[kind]) < size:
            raise damaged(f"a box {kind.decode()} of {len(inner[kind])} bytes, {size} expected")
        found.removed |= {blocks.STRAY} if len(inner[kind]) > size else set()
        inner[kind] = inner[kind][:size]
    if wrong := wrong_channels(inner, components):
        raise damaged(wrong)
    return b"".join(_made(kind, inner[kind]) for kind in _ORDER if kind in inner)


def _exact(inner: dict[bytes, bytes], components: int) -> Iterator[tuple[bytes, int]]:
    """The boxes whose size follows from what is in them, and that size."""
    if b"bpcc" in inner:
        yield b"bpcc", components
    if b"pclr" in inner:
        palette = inner[b"pclr"]
        entries, channels = int.from_bytes(palette[:2], "big"), palette[2] if len(palette) > 2 else 0
        yield b"pclr", 3 + channels + entries * sum((depth % 128 + 8) // 8 for depth in palette[3 : 3 + channels])
    if b"cmap" in inner:
        yield b"cmap", len(inner[b"cmap"]) // 4 * 4
    if b"cdef" in inner:
        yield b"cdef", 2 + 6 * int.from_bytes(inner[b"cdef"][:2], "big")


def _colour(box: bytes, components: int, found: _Found, keep: Keep) -> bytes:
    """The colour specification: a space by its number, or a profile that is clean."""
    method, content = box[:1], box[3:]
    if method == b"\1" and len(content) >= 4:
        space = int.from_bytes(content[:4], "big")
        if space in _SPACES or space == _LAB:
            found.removed |= {blocks.STRAY} if any(box[1:3]) or len(content) not in {4, 4 + 28} else set()
            lab = content[4:32] if space == _LAB and len(content) >= 32 else b""
            return b"\1\0\0" + content[:4] + lab
    fallback = _SRGB if components >= 3 else _GREY
    if method in {b"\2", b"\3"}:
        fallback = {b"CMYK": _CMYK, b"GRAY": _GREY}.get(content[16:20], fallback)
        tidied = profiles.tidy(content) if keep.profile else profiles.REMOVED
        found.removed.update(tidied.removed)
        found.kept = tidied.kept
        if tidied.profile:
            return method + b"\0\0" + tidied.profile
    return b"\1\0\0" + struct.pack(">I", fallback)


def _made(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(payload), kind) + payload


__all__ = ["plan"]
