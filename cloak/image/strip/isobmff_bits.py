"""Coded pictures of HEIC and AVIF: which units of them are picture, and which are messages, padding or unknown.

Taking out whole units leaves the pixels as they are: decoders read messages aside, and skip what they do not know.

Source: ISO/IEC 23008-2:2023, section 7.4.2.2 (HEVC units); AV1 bitstream specification, sections 5.3 to 5.9;
ISO/IEC 14496-15:2022, section 8.3.2 (hvcC); AV1 in ISO base media files, section 2.3 (av1C).
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass

from cloak.image.strip import isobmff_hevc
from cloak.image.strip.base import Memory, Piece, Span
from cloak.image.strip.isobmff_boxes import Content, Fields, Report, damaged, joined, unsupported

MESSAGES = "messages of the encoder inside the picture"

_MOST_UNITS = 200_000  # of one file: frames of almost an hour, and their alpha planes
_PARAMETERS = frozenset({32, 33, 34})  # VPS, SPS, PPS
_SLICES = frozenset({*range(10), *range(16, 22)})
_ENDS = frozenset({36, 37})  # of a sequence, of the stream: two bytes that decoders of moving pictures heed
_UNITS = frozenset({1, 2, 3, 4, 6})  # AV1: sequence header, temporal delimiter, frame header, tile group, frame
_DELIMITER, _TILES = 2, 8
_FRAMES = frozenset({3, 6})


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The part of a coded picture that is picture.

    Attributes:
        ranges: positions of first byte and after the last, in order.
        parameters: numbers of the picture parameter sets that it uses (HEVC).
    """

    ranges: tuple[tuple[int, int], ...]
    parameters: frozenset[int] = frozenset()

    def pieces(self, content: Content) -> tuple[Piece, ...]:
        """Where in the file it lies, in as few parts as possible."""
        return joined([span for start, end in self.ranges for span in content.cut(start, end)])

    def within(self, first: int, last: int) -> int:
        """How many of the bytes from `first` up to `last` are left."""
        return sum(max(0, min(end, last) - max(start, first)) for start, end in self.ranges)


class Units:
    """Finds the units that are picture in the coded pictures of one file, whose number is bounded."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._left = _MOST_UNITS

    def picture(self, kind: bytes, content: Content, parameters: bytes, *, still: bool = False) -> Cleaned:
        """Find what is picture in a coded picture.

        Args:
            kind: "av01", or that of an HEVC picture.
            content: the coded picture.
            parameters: content of its `av1C` or `hvcC` box.
            still: it is no frame of a sequence, which in AV1 may hold others that only help to decode.

        Raises:
            UnreadablePhotoError: the units do not add up, or there is no picture in them.
            UnsupportedPhotoError: a unit that cannot be left out, or more units than any file has.
        """
        if kind == b"av01":
            cleaned, kinds = self._av1(content, _UNITS)
            frames = [layer for kind, layer in kinds if kind in _FRAMES]
            if not frames:
                raise damaged("a picture without a frame")
            if still and len(set(frames)) < len(frames):
                raise unsupported("several pictures in the data of one")
            return cleaned
        inside = None if kind == b"hev1" else isobmff_hevc.units(parameters)
        return self._hevc(content, (parameters[21] & 3) + 1, inside)

    def _hevc(self, content: Content, length_size: int, known: frozenset[bytes] | None) -> Cleaned:
        """Find the slices and parameter sets in a picture whose units are each preceded by their length.

        Units of further layers (a second eye, an alpha layer that needs a decoder of its own) are left out, and
        parameter sets behind the slices, or that are `known` (None where a picture may have its own).
        """
        kept: list[tuple[int, int]] = []
        used: set[int] = set()
        position = pictures = 0
        while position < content.size:
            head = content.read(position, length_size + isobmff_hevc.HEAD)
            length, unit = int.from_bytes(head[:length_size], "big"), head[length_size:]
            end = position + length_size + length
            if len(head) < length_size or length == 1 or end > content.size:
                raise damaged(f"a unit of {length} bytes at byte {position} of a picture of {content.size}")
            self._count()
            unit = unit[:length]
            kind = unit[0] >> 1 & 63 if length else -1
            base = bool(length) and _is_base(unit)
            if base and kind in _SLICES and length > 2:
                if isobmff_hevc.begins(unit) == bool(pictures):
                    raise unsupported("several pictures in the data of one, or one without its beginning")
                used.add(isobmff_hevc.parameters_of(unit))
                pictures += 1
                kept.append((position, end))
            elif base and kind in _PARAMETERS and length > 2 and not pictures:
                if known is None:
                    kept.append((position, end))
                elif content.read(position + length_size, length) not in known:
                    raise unsupported("a picture with parameters of its own, where the standard has none")
            elif base and kind in _ENDS and length == 2:
                kept.append((position, end))
            else:
                self._report.removed.add(MESSAGES)
            position = end
        if not pictures:
            raise damaged("a picture without a slice")
        return Cleaned(_merged(kept), frozenset(used))

    def _av1(self, content: Content, allowed: frozenset[int]) -> tuple[Cleaned, list[tuple[int, int]]]:
        """The units of some kinds; the kind and the layer of each."""
        kept: list[tuple[int, int]] = []
        kinds: list[tuple[int, int]] = []
        position = 0
        while position < content.size:
            kind, inside, end = _unit(content, position)
            self._count()
            if kind == _TILES:
                raise unsupported("an AV1 picture made of a list of tiles")
            if kind in allowed and not (kind == _DELIMITER and end > inside):
                kept.append((position, end))
                head = content.read(position, 2)
                kinds.append((kind, head[1] >> 3 & 3 if head[0] & 4 else 0))
            else:
                self._report.removed.add(MESSAGES)
            position = end
        return Cleaned(_merged(kept)), kinds

    def _count(self) -> None:
        if not self._left:
            raise unsupported(f"pictures of more than {_MOST_UNITS} units")
        self._left -= 1

    def av1_header(self, content: Content) -> Cleaned:
        """Find the sequence header in the units of an `av1C` box."""
        return self._av1(content, frozenset({1}))[0]


def _unit(content: Content, position: int) -> tuple[int, int, int]:
    """The kind of the AV1 unit at `position`, where its content starts, and where it ends."""
    head = content.read(position, 10)
    if head[0] & 0x81 or (head[0] & 4 and len(head) > 1 and head[1] & 7):
        raise damaged(f"an AV1 unit that starts with {head[0]:02x}")
    start = 2 if head[0] & 4 else 1
    if not head[0] & 2 and start <= len(head):
        return head[0] >> 3 & 15, position + start, content.size
    size = 0
    for index, byte in enumerate(head[start : start + 8]):
        size |= (byte & 127) << 7 * index
        if not byte & 128:
            inside = position + start + index + 1
            if inside + size <= content.size:
                return head[0] >> 3 & 15, inside, inside + size
            break
    raise damaged(f"an AV1 unit of {size} bytes at byte {position} of a picture of {content.size}")


def _merged(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    merged: list[tuple[int, int]] = []
    for start, end in ranges:
        if merged and merged[-1][1] == start:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return tuple(merged)


def hevc_parameters(body: bytes, report: Report) -> bytes:
    """The content of an `hvcC` box with parameter sets alone, and its reserved bits as prescribed.

    Raises:
        UnreadablePhotoError: it does not add up.
    """
    data = Fields(body, "hvcC")
    head = bytearray(data.take(22))
    if head[0] != 1 or head[21] & 3 == 2:
        raise damaged(f"an hvcC box of version {head[0]}, lengths of {(head[21] & 3) + 1} bytes")
    for place, reserved in ((13, 0xF0), (15, 0xFC), (16, 0xFC), (17, 0xF8), (18, 0xF8)):
        head[place] |= reserved
    arrays: list[bytes] = []
    for _ in range(data.number(1)):
        mark = data.number(1) & 0xBF
        units = [data.take(data.number(2)) for _ in range(data.number(2))]
        good = [unit for unit in units if len(unit) > 2 and unit[0] >> 1 & 63 == mark & 63 and _is_base(unit)]
        if mark & 63 not in _PARAMETERS or len(good) < len(units):
            report.removed.add(MESSAGES)
        if mark & 63 in _PARAMETERS and good:
            listed = b"".join(struct.pack(">H", len(unit)) + unit for unit in good)
            arrays.append(struct.pack(">BH", mark, len(good)) + listed)
    return bytes(head) + bytes([len(arrays)]) + b"".join(arrays)


def _is_base(unit: bytes) -> bool:
    """Whether a unit belongs to the first layer, and its forbidden bit is zero."""
    return not unit[0] & 0x81 and unit[1] < 8


def av1_parameters(body: bytes, report: Report) -> bytes:
    """The content of an `av1C` box with the sequence header alone, and its reserved bits zero.

    Raises:
        UnreadablePhotoError: it does not add up.
    """
    if len(body) < 4 or body[0] != 0x81:
        raise damaged(f"an av1C box that starts with {body[:4].hex()}")
    units = Content(Memory(body), [Span(4, len(body))])
    cleaned = Units(report).av1_header(units)
    last = body[3] & (0x1F if body[3] & 0x10 else 0x10)
    return body[:3] + bytes([last]) + b"".join(body[4 + start : 4 + end] for start, end in cleaned.ranges)
