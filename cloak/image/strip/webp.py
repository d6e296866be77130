"""Rewrite a WebP file around its coded pictures: chunks by allow-list, under a header that says what is there.

What decoders pass over is left out, and what the header claims does not count where the chunks say otherwise. The one
thing the header decides is which chunks are meant: decoders heed a profile, EXIF or frames only where its flag is set.

Source: RFC 9649 (WebP), sections 2 and 3; RFC 6386 (VP8), section 9.1.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from cloak.errors import UnreadablePhotoError
from cloak.image import blocks, profiles
from cloak.image.strip.base import Keep, Piece, Plan, Source, Span
from cloak.image.strip.upright import upright

_PROFILE_FLAG, _ALPHA_FLAG, _EXIF_FLAG, _XMP_FLAG, _ANIMATION_FLAG = 0x20, 0x10, 0x08, 0x04, 0x02
_LARGEST = 1 << 24  # bytes of a block that is read as a whole
_FRAME_HEADER = 16
_PICTURES = (b"VP8 ", b"VP8L")
_NAMES = {b"EXIF": blocks.EXIF, b"XMP ": blocks.XMP, b"ICCP": blocks.PROFILE, b"C2PA": blocks.CREDENTIALS}


@dataclass(frozen=True, slots=True)
class _Chunk:
    """A chunk, with the span of its payload, and with bytes that are written in place of its first ones."""

    kind: bytes
    start: int
    end: int
    head: bytes = b""


@dataclass(frozen=True, slots=True)
class _Picture:
    """A coded picture, with the chunk of its alpha plane where it has one."""

    chunks: tuple[_Chunk, ...]
    width: int
    height: int
    alpha: bool


@dataclass(slots=True)
class _Found:
    """What a file consists of."""

    still: _Picture | None = None
    canvas: tuple[int, int] = (0, 0)
    animation: bytes = b""
    frames: list[tuple[bytes, _Picture]] = field(default_factory=list)
    profile: _Chunk | None = None
    exif: bytes = b""
    xmp: bytes = b""
    removed: set[str] = field(default_factory=set)


def plan(source: Source, keep: Keep) -> Plan:
    """Decide what the new file consists of.

    Raises:
        UnreadablePhotoError: truncated, damaged, or without a picture.
        UnsupportedPhotoError: its profile cannot be rewritten (see `cloak.image.profiles`).
    """
    found = _read(source)
    kept: list[str] = []
    profile = b""
    if found.profile is not None:
        content = source.read(found.profile.start, found.profile.end - found.profile.start)
        tidied = profiles.tidy(content) if keep.profile else profiles.Tidied(profile=None, removed=(blocks.PROFILE,))
        profile = tidied.profile or b""
        found.removed.update(tidied.removed)
        kept += tidied.kept
    turned = upright(keep, found.exif, found.xmp)
    found.removed |= turned.removed
    kept += turned.kept
    pieces = _assemble(found, profile, turned.block)
    size = sum(len(piece) for piece in pieces)
    head = b"RIFF" + struct.pack("<I", 4 + size) + b"WEBP"
    return Plan((head, *pieces), tuple(sorted(found.removed)), tuple(kept), turned.notes)


def _read(source: Source) -> _Found:
    head = source.read(0, 12)
    stop = 8 + int.from_bytes(head[4:8], "little")
    if head[:4] != b"RIFF" or head[8:] != b"WEBP":
        raise UnreadablePhotoError("WebP: no RIFF header of type WEBP: copy the file again from its source")
    if stop > source.size:
        raise _damaged(f"{stop} bytes announced, {source.size} there")
    found = _Found()
    if stop < source.size:
        found.removed.add(blocks.TRAILER)
    first = next(_chunks(source, 12, stop), None)
    if first is None:
        raise _damaged("no chunks")
    if first.kind == b"VP8X":
        _read_extended(source, first, stop, found)
    else:
        found.still = _picture(source, _chunks(source, 12, stop), found)
    if found.still is None and not found.frames:
        raise _damaged("no picture in it")
    return found


def _read_extended(source: Source, header: _Chunk, stop: int, found: _Found) -> None:
    payload = source.read(header.start, 10) if header.end - header.start >= 10 else b""
    if not payload:
        raise _damaged("a header of less than 10 bytes")
    flags = payload[0]
    animated = flags & _ANIMATION_FLAG and any(
        chunk.kind == b"ANMF" for chunk in _chunks(source, header.start - 8, stop)
    )
    rest = _chunks(source, header.end + (header.end - header.start) % 2, stop)
    if not animated:
        found.still = _picture(source, _noted(source, rest, flags, found), found)
        return
    found.canvas = (1 + int.from_bytes(payload[4:7], "little"), 1 + int.from_bytes(payload[7:10], "little"))
    for chunk in _noted(source, rest, flags, found):
        size = chunk.end - chunk.start
        if chunk.kind == b"ANIM" and not found.animation and size >= 6:
            found.animation = source.read(chunk.start, 6)
        elif chunk.kind == b"ANMF":
            found.frames.append(_frame(source, chunk, found))
        else:
            found.removed.add(_private(chunk.kind))
    if not found.animation:
        raise _damaged("an animation without its ANIM chunk")


def _noted(source: Source, chunks: Iterator[_Chunk], flags: int, found: _Found) -> Iterator[_Chunk]:
    """Take the blocks of metadata out of the chunks; pass on the others."""
    for chunk in chunks:
        size = chunk.end - chunk.start
        if chunk.kind == b"ICCP":
            if flags & _PROFILE_FLAG and found.profile is None and size <= _LARGEST:
                found.profile = chunk
            else:
                found.removed.add(blocks.PROFILE)
        elif chunk.kind in {b"EXIF", b"XMP "}:
            content = source.read(chunk.start, min(size, _LARGEST))
            if chunk.kind == b"EXIF":
                found.exif = found.exif or (content if flags & _EXIF_FLAG else b"")
                found.removed.update(blocks.in_exif(memoryview(content)))
            else:
                found.xmp = found.xmp or (content if flags & _XMP_FLAG else b"")
                found.removed.update(blocks.in_xmp(memoryview(content)))
        elif chunk.kind == b"C2PA":
            found.removed.add(blocks.CREDENTIALS)
        else:
            yield chunk


def _picture(source: Source, chunks: Iterator[_Chunk], found: _Found) -> _Picture | None:
    """Find the picture among chunks: the first one, with the alpha plane before it."""
    alpha: list[_Chunk] = []
    picture = None
    for chunk in chunks:
        if chunk.kind in _PICTURES and picture is None:
            picture = _described(source, chunk, alpha, found)
        elif chunk.kind == b"ALPH" and picture is None:
            alpha.append(chunk)
        else:
            found.removed.add(_private(chunk.kind))
    return picture


def _described(source: Source, chunk: _Chunk, alpha: list[_Chunk], found: _Found) -> _Picture:
    size = chunk.end - chunk.start
    head = source.read(chunk.start, min(size, 10))
    if chunk.kind == b"VP8L":
        bits = int.from_bytes(head[1:5], "little")
        if size < 6 or head[0] != 0x2F or bits >> 29:
            raise _damaged(f"no lossless picture at byte {chunk.start}")
        return _Picture((chunk,), 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), bool(bits >> 28 & 1))
    tag = int.from_bytes(head[:3], "little")
    shown_key_frame = tag & 0x11 == 0x10 and head[3:6] == b"\x9d\x01\x2a"
    if size < 10 or not shown_key_frame or tag >> 5 >= size:
        raise _damaged(f"no key frame at byte {chunk.start}")
    if len(alpha) > 1:
        raise _damaged(f"{len(alpha)} alpha planes for one picture")
    width, height = (edge & 0x3FFF for edge in struct.unpack("<HH", head[6:]))
    if not width or not height:
        raise _damaged(f"a picture of {width} x {height} pixels at byte {chunk.start}")
    planes = [_alpha(source, plane, width * height, found) for plane in alpha]
    return _Picture((*planes, chunk), width, height, bool(alpha))


def _alpha(source: Source, chunk: _Chunk, pixels: int, found: _Found) -> _Chunk:
    """An alpha plane without reserved bits; where it is not compressed, without what is behind it."""
    first = source.read(chunk.start, min(1, chunk.end - chunk.start))
    if not first or first[0] & 0b11 > 1 or first[0] >> 4 & 0b11 > 1:
        raise _damaged(f"an alpha plane that is not in the standard at byte {chunk.start}")
    end = chunk.end if first[0] & 0b11 else chunk.start + 1 + pixels
    if end > chunk.end:
        raise _damaged(f"an alpha plane of {chunk.end - chunk.start - 1} bytes for {pixels} pixels")
    plane = _Chunk(chunk.kind, chunk.start, end, bytes([first[0] & 0x3F]))
    if end < chunk.end or plane.head != first:
        found.removed.add(blocks.STRAY)
    return plane


def _frame(source: Source, chunk: _Chunk, found: _Found) -> tuple[bytes, _Picture]:
    if chunk.end - chunk.start < _FRAME_HEADER:
        raise _damaged(f"a frame of {chunk.end - chunk.start} bytes at byte {chunk.start}")
    head = source.read(chunk.start, _FRAME_HEADER)
    picture = _picture(source, _chunks(source, chunk.start + _FRAME_HEADER, chunk.end), found)
    left, top, width, height = (int.from_bytes(head[index : index + 3], "little") for index in (0, 3, 6, 9))
    if picture is None or (picture.width, picture.height) != (width + 1, height + 1):
        raise _damaged(f"a frame without a picture of its size at byte {chunk.start}")
    if 2 * left + picture.width > found.canvas[0] or 2 * top + picture.height > found.canvas[1]:
        raise _damaged(f"a frame that reaches beyond the canvas at byte {chunk.start}")
    return head[:15] + bytes([head[15] & 3]), picture


def _assemble(found: _Found, profile: bytes, exif: bytes) -> list[Piece]:
    pictures = [picture for _, picture in found.frames] or [picture for picture in (found.still,) if picture]
    if not found.frames:
        found.canvas = pictures[0].width, pictures[0].height
    body: list[Piece] = []
    if profile or exif or found.frames or len(pictures[0].chunks) > 1:
        flags = (_PROFILE_FLAG if profile else 0) | (_EXIF_FLAG if exif else 0)
        flags |= _ALPHA_FLAG if any(picture.alpha for picture in pictures) else 0
        flags |= _ANIMATION_FLAG if found.frames else 0
        edges = b"".join((edge - 1).to_bytes(3, "little") for edge in found.canvas)
        body += _made(b"VP8X", bytes([flags, 0, 0, 0]) + edges)
    if profile:
        body += _made(b"ICCP", profile)
    if found.frames:
        body += _made(b"ANIM", found.animation)
        for head, picture in found.frames:
            inner = _copied(picture)
            size = len(head) + sum(len(piece) for piece in inner)
            body += [b"ANMF" + struct.pack("<I", size) + head, *inner]
    else:
        body += _copied(pictures[0])
    if exif:
        body += _made(b"EXIF", exif)
    return body


def _made(kind: bytes, payload: bytes) -> list[Piece]:
    return [kind + struct.pack("<I", len(payload)) + payload + bytes(len(payload) % 2)]


def _copied(picture: _Picture) -> list[Piece]:
    pieces: list[Piece] = []
    for chunk in picture.chunks:
        size = chunk.end - chunk.start
        pieces += [chunk.kind + struct.pack("<I", size) + chunk.head, Span(chunk.start + len(chunk.head), chunk.end)]
        pieces += [b"\0"] if size % 2 else []
    return pieces


def _chunks(source: Source, position: int, stop: int) -> Iterator[_Chunk]:
    while position + 8 <= stop:
        head = source.read(position, 8)
        start = position + 8
        end = start + int.from_bytes(head[4:], "little")
        if end > stop:
            raise _damaged(f"a chunk of {end - start} bytes at byte {position}, where {stop - start} are left")
        yield _Chunk(head[:4], start, end)
        position = end + end % 2


def _private(kind: bytes) -> str:
    return _NAMES.get(kind) or f"private chunk ({kind.decode('latin-1')})"


def _damaged(what: str) -> UnreadablePhotoError:
    return UnreadablePhotoError(f"WebP: truncated or damaged ({what}): copy it again from its source")
