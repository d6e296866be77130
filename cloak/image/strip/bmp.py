"""Rewrite a Windows or OS/2 bitmap (BMP): header, palette, pixels, and a colour profile, each where the last ends.

Source: Microsoft, BITMAPFILEHEADER to BITMAPV5HEADER; OS/2 Presentation Manager, BITMAPINFOHEADER2.
"""

import functools
import operator
import struct
from dataclasses import dataclass, field

from cloak.errors import UnreadablePhotoError, UnsupportedPhotoError
from cloak.image import blocks, profiles
from cloak.image.strip.base import Keep, Piece, Plan, Source
from cloak.image.strip.bmp_pixels import rows
from cloak.image.strip.bmp_runs import coded

_FILE_HEADER = 14
_LONG = 0xFFFFFFFF  # sizes beyond it are written as far as they fit: readers go by the picture's
_CORE, _INFO, _OS2, _OS2_SHORT, _V4, _V5 = 12, 40, 64, 16, 108, 124
_SIZES = frozenset({_CORE, _OS2_SHORT, _INFO, 52, 56, _OS2, _V4, _V5})
_LARGEST = 1 << 24  # bytes of a profile
_RAW, _RLE8, _RLE4, _FIELDS, _JPEG, _PNG, _ALPHA_FIELDS = 0, 1, 2, 3, 4, 5, 6
_DEPTHS = {
    _RAW: frozenset({1, 2, 4, 8, 16, 24, 32}),
    _RLE8: frozenset({8}),
    _RLE4: frozenset({4}),
    _FIELDS: frozenset({16, 24, 32}),
    _ALPHA_FIELDS: frozenset({16, 24, 32}),
}
_CALIBRATED, _SRGB, _WINDOWS, _EMBEDDED, _LINKED = b"\0\0\0\0", b"BGRs", b" niW", b"DEBM", b"KNIL"
_INTENTS = frozenset({1, 2, 4, 8})
_IMPLIED = {16: 0x7FFF, 24: 0xFFFFFF, 32: 0xFFFFFF}
"""Bits of a pixel that are channels where no masks say which."""

_BRIGHTEST, _GAMMAS = 1 << 30, range(1 << 14, 1 << 20)
"""Numbers of calibrated colours: 1 as a fraction of 30 bits, and gammas of a quarter to 16, of 16 bits."""


@dataclass(slots=True)
class _Header:
    """What a bitmap says about itself.

    Attributes:
        size: bytes in which it does, without masks that follow.
        width: pixels in a row.
        height: rows, negative where the first is the topmost.
        depth: bits of a pixel.
        compression: how the rows are coded.
        colours: entries of the palette, 0 for all that are possible.
        masks: which bits are which channel, where it says that.
        colour: 4 bytes that name the colour space, and 48 that describe it.
        intent: what to do with colours that cannot be shown.
        start: offset of the pixels.
        profile: first offset of the embedded profile and the one after it.
        removed: names of what is left out.
    """

    size: int
    width: int
    height: int
    depth: int
    compression: int = _RAW
    colours: int = 0
    masks: bytes = b""
    colour: bytes = b""
    intent: int = 0
    start: int = 0
    profile: tuple[int, int] = (0, 0)
    removed: set[str] = field(default_factory=set)

    @property
    def entry(self) -> int:
        """Bytes of an entry of the palette."""
        return 3 if self.size == _CORE else 4

    @property
    def channels(self) -> int:
        """The bits of a pixel that are in a channel."""
        masks = [int.from_bytes(self.masks[place : place + 4], "little") for place in range(0, len(self.masks), 4)]
        named = masks if self.compression in {_FIELDS, _ALPHA_FIELDS} else [_IMPLIED.get(self.depth, 0xFF)]
        return functools.reduce(operator.or_, named)

    @property
    def behind(self) -> int:
        """Bytes of masks that follow the header."""
        return {_FIELDS: 12, _ALPHA_FIELDS: 16}.get(self.compression, 0) if self.size == _INFO else 0


def plan(source: Source, keep: Keep) -> Plan:
    """Decide what the new file consists of.

    Raises:
        UnreadablePhotoError: truncated or damaged.
        UnsupportedPhotoError: a kind that only printers know, or its profile cannot be rewritten
            (see `cloak.image.profiles`).
    """
    header = _read(source)
    palette = _palette(source, header)
    pixels = coded(source, header) if header.compression in {_RLE8, _RLE4} else rows(source, header)
    profile, kept = _profile(source, header, keep)
    if max(pixels.end, header.profile[1]) < source.size:
        header.removed.add(blocks.TRAILER)
    if pixels.hidden:
        header.removed.add(blocks.STRAY)
    described = _described(header, pixels.size, profile)
    start = _FILE_HEADER + len(described) + len(palette)
    if header.size not in {_OS2, _OS2_SHORT} and start < header.start:
        header.removed.add(blocks.STRAY)
    head = struct.pack("<2sIII", b"BM", (start + pixels.size + len(profile)) & _LONG, 0, start)
    pieces: list[Piece] = [head + described + palette, *pixels.pieces, *([profile] if profile else [])]
    return Plan(tuple(pieces), tuple(header.removed), kept)


def _read(source: Source) -> _Header:
    size = int.from_bytes(source.read(_FILE_HEADER, 4), "little")
    if source.read(0, 2) != b"BM" or size not in _SIZES:
        raise _damaged(f"a header of {size} bytes")
    data = source.read(_FILE_HEADER, size)
    if size in {_CORE, _OS2_SHORT}:
        form = "<HHHH" if size == _CORE else "<iiHH"
        width, height, _, depth = struct.unpack_from(form, data, 4)
        header = _Header(size, width, height, depth)
    else:
        width, height, _, depth, compression, _, across, down, colours = struct.unpack_from("<iiHHIIiiI", data, 4)
        header = _Header(size, width, height, depth, compression, colours)
        header.removed |= {blocks.RESOLUTION} if across or down else set()
        _read_colours(source, data, header)
    _check(header)
    header.start = int.from_bytes(source.read(10, 4), "little")
    first = _FILE_HEADER + size + header.behind
    if header.start == 0 or (header.start == first and depth <= 8):  # some forget to count the palette
        header.start = first + _palette_size(header)
    return header


def _read_colours(source: Source, data: bytes, header: _Header) -> None:
    """Take from an extended header, or from behind a short one, how colours are stored and what they are."""
    if header.size == _OS2:
        header.removed |= {blocks.SETTINGS} if any(data[_INFO:]) else set()
    elif header.behind:
        header.masks = source.read(_FILE_HEADER + _INFO, header.behind)
    elif header.size > _INFO:
        masks = data[_INFO : min(56, header.size)]
        header.masks = masks if header.compression in {_FIELDS, _ALPHA_FIELDS} else bytes(len(masks))
        header.removed |= {blocks.STRAY} if masks != header.masks else set()
    if header.depth == 16 and any(header.masks[2::4] + header.masks[3::4]):
        header.masks = b"".join(header.masks[place : place + 2] + bytes(2) for place in range(0, len(header.masks), 4))
        header.removed.add(blocks.STRAY)
    header.colour = data[56:_V4] if header.size >= _V4 else b""
    if header.size == _V5:
        header.intent, place, count, reserved = struct.unpack("<IIII", data[_V4:])
        header.removed |= {blocks.STRAY} if reserved or header.intent not in {0, *_INTENTS} else set()
        header.intent = header.intent if header.intent in _INTENTS else 0
        header.profile = (_FILE_HEADER + place, _FILE_HEADER + place + count)


def _check(header: _Header) -> None:
    if header.compression in {_JPEG, _PNG} or (header.size == _OS2 and header.compression not in {_RAW, _RLE8, _RLE4}):
        raise UnsupportedPhotoError(
            f"BMP: coded in a way that only printers know (compression {header.compression}): convert it to PNG first"
        )
    if header.depth not in _DEPTHS.get(header.compression, frozenset()):
        raise _damaged(f"{header.depth} bits a pixel with compression {header.compression}")
    if header.compression in {_FIELDS, _ALPHA_FIELDS} and not any(header.masks[:12]):
        raise _damaged("masks of its channels that are empty")
    if header.depth == 24 and header.channels != _IMPLIED[24]:
        raise _damaged("masks of its channels that leave out bits")
    if header.width <= 0 or not header.height or (header.height < 0 and header.compression in {_RLE8, _RLE4}):
        raise _damaged(f"{header.width} x {header.height} pixels")


def _palette_size(header: _Header) -> int:
    if header.depth > 8:
        return 0
    return header.entry * min(header.colours or 1 << header.depth, 1 << header.depth)


def _palette(source: Source, header: _Header) -> bytes:
    """The palette; what is no colour in it is zero."""
    place = _FILE_HEADER + header.size + header.behind
    size = _palette_size(header)
    if header.start < place:
        raise _damaged(f"pixels that begin in the header, at byte {header.start}")
    palette = bytearray(source.read(place, min(size, source.size - place)).ljust(size, b"\0"))
    if header.entry == 4 and any(palette[3::4]):
        palette[3::4] = bytes(size // 4)
        header.removed.add(blocks.STRAY)
    return bytes(palette)


def _profile(source: Source, header: _Header, keep: Keep) -> tuple[bytes, tuple[str, ...]]:
    """What the colours are, changed in the header; an embedded profile to write, and what that keeps."""
    kind, numbers = header.colour[:4], header.colour[4:]
    start, end = header.profile
    described = kind == _CALIBRATED and keep.profile and _is_calibrated(numbers)
    if kind != _EMBEDDED or header.size < _V5:
        header.profile = (0, 0)
        if kind and kind not in {_CALIBRATED, _SRGB, _WINDOWS}:
            header.removed.add(blocks.PROFILE)
        if header.size == _V5 and (start, end) != (_FILE_HEADER, _FILE_HEADER):
            header.removed.add(blocks.PROFILE)
        if any(numbers) and not described:
            header.removed.add(blocks.PROFILE)
        kind = kind if kind == _WINDOWS or described else _SRGB
        header.colour = (kind + (numbers if described else bytes(len(numbers)))) if header.colour else b""
        return b"", ()
    usable = start < end <= source.size and end - start <= _LARGEST
    header.profile = (start, end) if usable else (0, 0)
    tidied = profiles.Tidied(profile=None, removed=(blocks.PROFILE,))
    if usable and keep.profile:
        tidied = profiles.tidy(source.read(start, end - start))
    header.removed.update(tidied.removed)
    header.colour = (_EMBEDDED if tidied.profile else _SRGB) + bytes(len(numbers))
    return tidied.profile or b"", tidied.kept


def _is_calibrated(numbers: bytes) -> bool:
    """Whether numbers can be those of calibrated colours: three endpoints and gammas, or nothing at all."""
    *ends, red, green, blue = struct.unpack("<12I", numbers)
    possible = max(ends) <= _BRIGHTEST and all(any(ends[place : place + 3]) for place in (0, 3, 6))
    return not any(numbers) or (possible and all(gamma in _GAMMAS for gamma in (red, green, blue)))


def _described(header: _Header, pixels: int, profile: bytes) -> bytes:
    """The header that is written: OS/2's larger ones become the one that all know."""
    if header.size == _CORE:
        return struct.pack("<IHHHH", _CORE, header.width, header.height, 1, header.depth)
    size = _INFO if header.size in {_OS2, _OS2_SHORT} else header.size
    colours = header.colours if header.depth <= 8 and header.colours <= 1 << header.depth else 0
    described = struct.pack(
        "<IiiHHIIiiII", size, header.width, header.height, 1, header.depth, header.compression, pixels & _LONG,
        0, 0, colours, 0,
    )  # fmt: skip
    described += header.masks + header.colour
    if size == _V5:
        offset = _V5 + _palette_size(header) + pixels
        described += struct.pack("<IIII", header.intent, offset & _LONG if profile else 0, len(profile), 0)
    return described


def _damaged(what: str) -> UnreadablePhotoError:
    return UnreadablePhotoError(f"BMP: truncated or damaged ({what}): copy it again from its source")
