"""Rewrite a PNG or APNG file around its coded pictures: chunks by allow-list, in one order, with checksums that fit.

What decoders pass over is left out: chunks that come twice or too late, of a wrong size, or with a wrong checksum. A
file that is cut off behind its last pixel is completed; one that is cut off before it is refused. All frames of an
animation stay, with their timing; an animation whose frames are not all there is refused.

Source: Portable Network Graphics (Third Edition), sections 4.9 (animation), 11 (chunks) and 13 (decoders).
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from cloak.errors import UnsupportedPhotoError
from cloak.image import aspect, blocks, orientation, profiles
from cloak.image.strip import png_text
from cloak.image.strip.base import Keep, Piece, Plan, Source, merged
from cloak.image.strip.finder import behind
from cloak.image.strip.png_chunks import SIGNATURE, Chunk, chunks, content, damaged, inflated, made
from cloak.image.strip.png_colour import FRONT, UNHEEDED, fitting, unheeded
from cloak.image.strip.png_pixels import Copier, Header
from cloak.image.strip.upright import upright

_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_PROFILE_NAME = b"ICC Profile\0\0"
_NAMES = {b"tIME": blocks.WHEN, b"pHYs": blocks.RESOLUTION, b"caBX": blocks.CREDENTIALS, b"iCCP": blocks.PROFILE}
_LAST = b"IEND"
_LOOKED = 1 << 25  # bytes of text, inflated, after which no more is read: all of it goes anyway


@dataclass(frozen=True, slots=True)
class _Picture:
    """The chunks of a picture; `control` is its fcTL, b"" for a picture that is no frame."""

    control: bytes
    run: list[Chunk] = field(default_factory=list)


@dataclass(slots=True)
class _Found:
    """What a file consists of. `front` is what stands before the pixels, by kind."""

    header: Header
    front: dict[bytes, bytes] = field(default_factory=dict)
    animation: bytes = b""
    sequence: int = 0
    pictures: list[_Picture] = field(default_factory=list)
    still: _Picture | None = None
    exif: bytes = b""
    raw_exif: bytes = b""
    xmp: bytes = b""
    looked: int = 0
    removed: set[str] = field(default_factory=set)


def plan(source: Source, keep: Keep) -> Plan:
    """Decide what the new file consists of.

    Raises:
        UnreadablePhotoError: truncated, damaged, or without a picture.
        UnsupportedPhotoError: written for iPhones only (CgBI), with parts that nobody knows, or its profile cannot be
            rewritten (see `cloak.image.profiles`).
        TooLargeError: more than a thousand million bytes of pixels.
    """
    found, head = _read(source)
    profile, names = _profile(found, keep)
    turned = upright(keep, found.exif, found.xmp, found.raw_exif)
    found.removed |= turned.removed
    front = [SIGNATURE, made(b"IHDR", head)]
    for kind in FRONT:
        if kind == b"iCCP" and profile:
            front.append(made(kind, _PROFILE_NAME + zlib.compress(profile, 9)))
        elif kind != b"iCCP" and kind in found.front:
            front.append(made(kind, found.front[kind]))
    front += [made(b"eXIf", turned.block)] if turned.block else []
    front += [made(b"acTL", found.animation)] if found.animation else []
    pixels = list(_pixels(source, found))
    return Plan(
        (b"".join(front), *merged(pixels), made(_LAST, b"")), tuple(found.removed), (*names, *turned.kept), turned.notes
    )


def _read(source: Source) -> tuple[_Found, bytes]:
    walk = chunks(source)
    first = next(walk, None)
    if first and first.kind == b"CgBI":
        raise UnsupportedPhotoError("PNG: written for iPhones only (CgBI), no other program shows it: convert it first")
    head = content(source, first) if first and first.kind == b"IHDR" else None
    if head is None or first is None:
        raise damaged("no header")
    found, last = _Found(Header.parse(head)), first
    for chunk in walk:
        if chunk.kind == b"IDAT":
            _take_pixels(chunk, last, found)
        elif chunk.kind != _LAST:
            _take(source, chunk, found)
        last = chunk
    if found.still is None or (found.header.colour == 3 and b"PLTE" not in found.front):
        raise damaged("no pixels, or no palette for them")
    frames = sum(bool(picture.control) for picture in found.pictures)
    announced = int.from_bytes(found.animation[:4], "big")
    if not frames and found.animation:  # decoders show the still picture
        found.animation = b""
        found.removed.add("private chunk (acTL)")
    elif frames != announced:
        raise damaged(f"{frames} frames of {announced}")
    found.removed.update(behind(source, last.end + 4))
    return found, head


def _take_pixels(chunk: Chunk, last: Chunk, found: _Found) -> None:
    """Note a chunk of the main picture: only those that follow each other count."""
    if found.still is None:
        waiting = found.pictures[-1] if found.pictures else _Picture(b"")
        found.pictures = [*found.pictures[:-1], waiting]
        found.still = waiting
    elif last.kind != b"IDAT":
        found.removed.add(blocks.TRAILER)
        return
    found.still.run.append(chunk)


def _take(source: Source, chunk: Chunk, found: _Found) -> None:
    kind = chunk.kind
    if kind in {b"fcTL", b"fdAT"} and found.animation:
        _take_frame(source, chunk, found)
    elif kind in _TEXTS:
        _take_text(source, chunk, found)
    elif kind == b"eXIf":
        payload = content(source, chunk) or b""
        found.exif = found.exif or payload
        if payload not in orientation.BLOCKS:
            found.removed.update(set(blocks.in_exif(memoryview(payload))) or {blocks.EXIF})
    elif not _take_front(source, chunk, found):
        if not kind[0] & 0x20 and kind != b"PLTE":
            raise UnsupportedPhotoError(
                f"PNG: chunk {kind.decode('latin-1')}, which is vital, is not in the standard: convert the file first"
            )
        found.removed.add(_NAMES.get(kind, f"private chunk ({kind.decode('latin-1')})"))


def _take_front(source: Source, chunk: Chunk, found: _Found) -> bool:
    """Keep a chunk that belongs before the pixels; return False where decoders pass over it."""
    kind = chunk.kind
    payload = content(source, chunk) if kind in {*FRONT, b"acTL"} else None
    if kind == b"PLTE" and payload is None:
        raise damaged("the palette")
    if payload is None or found.still is not None or kind in found.front:
        return False
    if kind == b"acTL":
        if found.animation:
            raise damaged("an animation that is announced twice, of which decoders make different things")
        found.animation = payload if len(payload) == 8 and any(payload[:4]) else b""
        return bool(found.animation)
    if kind == b"pHYs":
        return _take_shape(payload, found)
    fits = fitting(kind, payload, found.header, found.front.get(b"PLTE", b""))
    if fits is None:
        return False
    found.front[kind] = fits
    return True


def _take_shape(payload: bytes, found: _Found) -> bool:
    """Keep the shape of a pixel, if it is not a square, of a resolution."""
    across, down = aspect.ratio(int.from_bytes(payload[:4], "big"), int.from_bytes(payload[4:8], "big"))
    if len(payload) != 9 or across == down:
        return False
    shape = across.to_bytes(4, "big") + down.to_bytes(4, "big") + b"\0"
    found.front[b"pHYs"] = shape
    return shape == payload


def _take_frame(source: Source, chunk: Chunk, found: _Found) -> None:
    payload = source.read(chunk.start, 4) if chunk.kind == b"fdAT" else content(source, chunk) or b""
    if int.from_bytes(payload[:4], "big") != found.sequence or len(chunk) < 4:
        raise damaged(f"frames out of order at byte {chunk.start}")
    found.sequence += 1
    if chunk.kind == b"fdAT":
        if found.still is None or found.pictures[-1] is found.still or not found.pictures[-1].control:
            raise damaged(f"pixels of no frame at byte {chunk.start}")
        found.pictures[-1].run.append(chunk)
        return
    if found.still is None and found.pictures:
        raise damaged("two frames before the first pixels")
    width, height, left, top = _place(payload)
    inside = left + width <= found.header.width and top + height <= found.header.height
    if len(payload) != 26 or not width or not height or not inside or payload[24] > 2 or payload[25] > 1:
        raise damaged(f"a frame that is not in the standard at byte {chunk.start}")
    found.pictures.append(_Picture(payload[4:]))


def _place(control: bytes) -> tuple[int, int, int, int]:
    width, height, left, top = (int.from_bytes(control[place : place + 4], "big") for place in (4, 8, 12, 16))
    return width, height, left, top


def _take_text(source: Source, chunk: Chunk, found: _Found) -> None:
    if found.looked > _LOOKED:
        found.removed.add(blocks.TEXTS)
        return
    keyword, text = png_text.read(source, chunk)
    found.looked += len(text)
    if keyword == png_text.EXIF:
        found.raw_exif = found.raw_exif or png_text.unpacked(text)
        found.removed.update(blocks.in_exif(memoryview(png_text.unpacked(text))))
    elif keyword == png_text.XMP:
        found.xmp = found.xmp or text
    found.removed.update(blocks.in_png_text(keyword, memoryview(text)))


def _profile(found: _Found, keep: Keep) -> tuple[bytes, tuple[str, ...]]:
    """What is written in place of a profile, where there is one; numbers that do not count beside others go."""
    tidied = profiles.Tidied(profile=None)
    if b"iCCP" in found.front:
        packed = found.front[b"iCCP"].partition(b"\0")[2]
        tidied = profiles.tidy(inflated(packed[1:]) or b"")
    if profiles.BROKEN in tidied.removed:
        del found.front[b"iCCP"]
    for kind in unheeded(found.front):
        del found.front[kind]
        found.removed.add(UNHEEDED)
    if found.front.pop(b"iCCP", b"") and not keep.profile:
        tidied = profiles.REMOVED
    found.removed.update(tidied.removed)
    return tidied.profile or b"", tidied.kept


def _pixels(source: Source, found: _Found) -> Iterator[Piece]:
    copier = Copier(source)
    for picture in found.pictures:
        width, height = found.header.width, found.header.height
        if picture.control:
            width, height = (int.from_bytes(picture.control[place : place + 4], "big") for place in (0, 4))
            yield made(b"fcTL", copier.sequence.to_bytes(4, "big") + picture.control)
            copier.sequence += 1
        yield from copier.copy(picture.run, found.header.size(width, height))
    if copier.rest:
        found.removed.add(blocks.TRAILER)
