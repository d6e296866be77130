"""Rewrite a JPEG 2000 codestream: the headers of the picture and of its parts by allow-list, packets as they are.

Packets are copied from the start of a part's data to its end: bytes that follow the last packet there are not found.

Source: ITU-T T.800, annex A.
"""

import struct
from dataclasses import dataclass, field

from cloak.errors import UnreadablePhotoError, UnsupportedPhotoError
from cloak.image import blocks
from cloak.image.strip.base import Piece, Source, Span
from cloak.image.strip.jp2_coding import CAP, CHECKED, CODING, SIZ, Coding

_SOC, _SOT, _SOD, _EOC = 0xFF4F, 0xFF90, 0xFF93, 0xFFD9
_PPM, _PPT = 0xFF60, 0xFF61
_MAIN = CODING | {SIZ, CAP, _PPM}
_PART = CODING | {_PPT}
_PROFILES = frozenset({0xFF56, 0xFF59})  # what the file promises to keep to: no decoder needs it
_LENGTHS = frozenset({0xFF55, 0xFF57, 0xFF58})  # of parts and packets, for those who want to skip some
_REGISTRATION, _COMMENT = 0xFF63, 0xFF64
_SOT_SIZE = 12
_MOST_PARTS = 1 << 20
_MOST_SEGMENTS = 1 << 16


@dataclass(slots=True)
class Stream:
    """What to write of a codestream.

    Attributes:
        pieces: in order.
        removed: names of what is left out.
        coding: what the main header says.
    """

    pieces: list[Piece] = field(default_factory=list)
    removed: set[str] = field(default_factory=set)
    coding: Coding = field(default_factory=Coding)


def codestream(source: Source, start: int, end: int) -> Stream:
    """Decide what the new codestream consists of.

    Args:
        source: the file.
        start: where the codestream begins.
        end: where it must have ended.

    Raises:
        UnreadablePhotoError: truncated or damaged.
        UnsupportedPhotoError: an extension that we do not know.
    """
    stream = Stream()
    if source.read(start, min(4, end - start)) != struct.pack(">HH", _SOC, SIZ):
        raise damaged(f"no codestream at byte {start}")
    stream.pieces.append(Span(start, start + 2))
    position = _segments(source, start + 2, end, _MAIN, stream)
    for _ in range(_MOST_PARTS):
        if position + _SOT_SIZE > end or source.read(position, 2) != _SOT.to_bytes(2, "big"):
            break
        position = _part(source, position, end, stream)
    if len(stream.pieces) < 4:
        raise damaged("no part of a picture in it")
    ends = source.read(position, min(2, end - position))
    if len(ends) == 2 and ends != b"\xff\xd9":
        raise damaged(f"no part of a picture at byte {position}")
    position = min(end, position + 2)
    stream.pieces.append(b"\xff\xd9")
    stream.removed |= {blocks.TRAILER} if position < end else set()
    return stream


def _part(source: Source, start: int, end: int, stream: Stream) -> int:
    """Take over one part of a tile; return the offset after it."""
    size, tile, length, part, parts = struct.unpack(">HHIBB", source.read(start + 2, _SOT_SIZE - 2))
    stop: int = start + length
    if length == 0:  # up to the end
        stop = end - 2 if source.read(end - 2, 2) == b"\xff\xd9" else end
    if size != 10 or not start + _SOT_SIZE + 2 <= stop <= end:
        raise damaged(f"a part of {length} bytes at byte {start}")
    place = len(stream.pieces)
    data = _segments(source, start + _SOT_SIZE, stop, _PART, stream)
    stream.pieces.append(Span(data, stop))
    written = _SOT_SIZE + sum(len(piece) for piece in stream.pieces[place:])
    if written >= 1 << 32:
        raise damaged(f"a part of {written} bytes")
    stream.pieces.insert(place, struct.pack(">HHHIBB", _SOT, 10, tile, written, part, parts))
    return stop


def _segments(source: Source, position: int, stop: int, known: frozenset[int], stream: Stream) -> int:
    """Take over the known segments of a header; return the offset of what follows: a part, or its data."""
    checked: list[tuple[int, bytes]] = []
    for _ in range(_MOST_SEGMENTS):
        if position + 4 > stop:
            if known is _PART and position + 2 == stop and source.read(position, 2) == _SOD.to_bytes(2, "big"):
                return _checked(stream, checked, position)
            break
        marker, size = struct.unpack(">HH", source.read(position, 4))
        if marker == (_SOD if known is _PART else _SOT):
            return _checked(stream, checked, position)
        if size < 2 or position + 2 + size > stop:
            raise damaged(f"a segment of {size} bytes at byte {position}")
        if marker in known:
            stream.pieces.append(Span(position, position + 2 + size))
            if marker in CHECKED:
                checked.append((marker, source.read(position + 4, size - 2)))
        elif marker in _PROFILES:
            stream.removed.add("the name of a profile")
        elif marker == _COMMENT:
            stream.removed.add(blocks.TEXT)
        elif marker in _LENGTHS:
            stream.removed.add("lengths of parts")
        elif marker == _REGISTRATION:
            stream.removed.add("offsets of colours")
        else:
            raise UnsupportedPhotoError(
                f"JPEG 2000: an extension ({marker:04X}) that is not known: save it as plain JP2 first"
            )
        position += 2 + size
    raise damaged(f"a header that does not end by byte {stop}")


def _checked(stream: Stream, segments: list[tuple[int, bytes]], position: int) -> int:
    """The offset behind a header, once all that it says is there once, and of its exact size."""
    marker = stream.coding.odd(segments)
    if marker is not None:
        raise damaged(f"marker {marker:04x} twice, or not of its exact size, before byte {position}")
    return position


def damaged(what: str) -> UnreadablePhotoError:
    """The error of a file that cannot be followed."""
    return UnreadablePhotoError(f"JPEG 2000: truncated or damaged ({what}): copy it again from its source")


__all__ = ["Stream", "codestream", "damaged"]
