"""Rewrite a GIF around its frames: palettes, timing and coded pixels as they are; of all else only the loop count.

The codes of each picture are followed to the last pixel, so that nothing can hide between the end of a picture and
the end of the blocks that hold it.

Source: CompuServe, Graphics Interchange Format, versions 87a and 89a.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from cloak.errors import UnreadablePhotoError
from cloak.image import blocks
from cloak.image.strip.base import CUT_OFF, Keep, Piece, Plan, Source, Span
from cloak.image.strip.lzw import Codes, End
from cloak.image.strip.reader import Reader

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_CONTROL, _COMMENT, _APPLICATION, _PLAIN_TEXT = 0xF9, 0xFE, 0xFF, 0x01
_TABLE, _SIZE = 0x80, 0x07
_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_SCREEN = 13  # bytes before the palette
_RUN = 1 << 15  # bytes of sub-blocks that are taken at once
_LOOKED_AT = 32  # such runs of an extension, to name what is in it
_KEPT = 4  # sub-blocks before a run in which the codes that are followed next may begin
_MOST_BITS = 11  # 8 by the standard; decoders take what fits into codes of 12 bits
_NOTHING = bytes([_IMAGE]) + struct.pack("<HHHHB", 0, 0, 1, 1, _TABLE) + bytes(6) + b"\x02\x02\x44\x01\0"
"""A picture of one pixel, of the first of two colours."""
_MOST_ZEROS = 255  # between blocks, which decoders pass over
_NAMES = {b"C2PA_GIF": blocks.CREDENTIALS, b"ICCRGBG1": blocks.PROFILE, b"XMP Data": blocks.XMP}


class _Reader(Reader):
    """Reads sub-blocks, too."""

    def runs(self) -> Iterator[list[tuple[int, bytes]]]:
        """The sub-blocks from here to their end, each with its offset, as many at a time as make `_RUN` bytes."""
        ended = False
        while not ended:
            found, size = [], 0
            while size < _RUN:
                place = self.position
                content = self.take(self.take(1)[0])
                if not content:
                    ended = True
                    break
                found.append((place, content))
                size += len(content)
            if found:
                yield found

    def blocks(self) -> list[bytes]:
        """The sub-blocks from here to their end, as far as they are looked at."""
        found: list[bytes] = []
        for number, run in enumerate(self.runs()):
            if number < _LOOKED_AT:
                found += [content for _, content in run]
        return found


@dataclass(slots=True)
class _Screen:
    """What a file says of all its frames.

    Attributes:
        signature: which version of the format it is.
        size: width and height.
        numbers: flags, the number of the background's colour, and the shape of a pixel.
        table: the palette.
        used: whether a frame has its colours from it.
    """

    signature: bytes
    size: tuple[int, int]
    numbers: tuple[int, int, int]
    table: bytes
    used: bool = False

    def written(self) -> bytes:
        """The beginning of the new file: of a palette that no frame uses, the background's colour stays."""
        (flags, background, aspect), table = self.numbers, self.table
        if table and not self.used:
            colour = table[3 * background : 3 * background + 3]
            flags, background, table = flags & ~_SIZE, 0, colour.ljust(6, b"\0")
        return self.signature + struct.pack("<HHBBB", *self.size, flags, background, aspect) + table


@dataclass(slots=True)
class _State:
    """What has been read so far.

    Attributes:
        screen: what is said of all frames.
        edges: width and height that frames are shown in: those of the screen, or of a first frame that is larger.
        loop: the canonical block with the loop count, or nothing.
        control: the graphic control block that awaits its frame.
        frames: pieces of all frames.
        removed: names of what is left out.
        cut: whether a picture has less pixels than it should.
    """

    screen: _Screen
    edges: tuple[int, int] = (0, 0)
    loop: bytes = b""
    control: bytes = b""
    frames: list[Piece] = field(default_factory=list)
    removed: set[str] = field(default_factory=set)
    cut: bool = False


def plan(source: Source, keep: Keep) -> Plan:  # noqa: ARG001 -- a GIF says no orientation, nobody heeds its profile
    """Decide what the new file consists of.

    Raises:
        UnreadablePhotoError: truncated, damaged, or without a picture.
    """
    reader = _Reader(source)
    state = _State(_screen(reader))
    zeros = 0
    while reader.position < source.size:  # some writers forget the trailer
        mark = reader.take(1)[0]
        if mark == _TRAILER:
            break
        if mark == _EXTENSION:
            _extension(reader, state)
        elif mark == _IMAGE:
            _frame(reader, state)
        elif not mark and zeros < _MOST_ZEROS:
            zeros += 1
        else:
            raise _damaged(f"a block of kind {mark:02x} at byte {reader.position - 1}")
    if not state.frames:
        raise _damaged("no picture in it")
    if reader.position < source.size:
        state.removed.add(blocks.TRAILER)
    head = state.screen.written()
    if len(head) < _SCREEN + len(state.screen.table):
        state.removed.add("colours that no picture uses")
    pieces = (head + state.loop, *state.frames, bytes([_TRAILER]))
    return Plan(pieces, tuple(state.removed), notes=(CUT_OFF,) if state.cut else ())


def _screen(reader: _Reader) -> _Screen:
    signature = reader.take(6)
    if signature not in {b"GIF87a", b"GIF89a"}:
        raise UnreadablePhotoError(f"no GIF signature ({signature.hex(' ')}): copy the file again from its source")
    width, height, flags, background, aspect = struct.unpack("<HHBBB", reader.take(7))
    if not flags & _TABLE:
        flags, background = flags & 0x70, 0
    return _Screen(signature, (width, height), (flags, background, aspect), _table(reader, flags))


def _table(reader: _Reader, flags: int) -> bytes:
    return reader.take(3 << (flags & _SIZE) + 1) if flags & _TABLE else b""


def _extension(reader: _Reader, state: _State) -> None:
    kind = reader.take(1)[0]
    content = reader.blocks()
    first = content[0] if content else b""
    if kind == _CONTROL and len(first) >= 4:
        flags, delay, clear = struct.unpack("<BHB", first[:4])
        state.control = bytes([_EXTENSION, _CONTROL, 4])
        state.control += struct.pack("<BHBB", flags & 0x1F, delay, clear if flags & 1 else 0, 0)
    elif kind == _APPLICATION and first in _LOOPS:
        for block in content[1:]:
            if block[0] & 7 == 1 and len(block) >= 3 and not state.loop:
                state.loop = bytes([_EXTENSION, _APPLICATION, 11]) + _LOOPS[0] + b"\x03\x01" + block[1:3] + b"\0"
    elif kind == _APPLICATION:
        state.removed.add(_NAMES.get(first[:8], "application data"))
        if first[:8] == b"XMP Data":
            # The packet does not come in sub-blocks: what looks like their lengths is part of it.
            packet = b"".join(bytes([len(block)]) + block for block in content[1:])
            state.removed.update(blocks.in_xmp(memoryview(packet)))
    else:
        state.removed.add(blocks.TEXT if kind in {_COMMENT, _PLAIN_TEXT} else f"private block ({kind:02x})")


def _frame(reader: _Reader, state: _State) -> None:
    left, top, width, height, flags = struct.unpack("<HHHHB", reader.take(9))
    flags &= 0xE7 if flags & _TABLE else 0x40
    if not width or not height:
        raise _damaged(f"a picture of {width} x {height} pixels at byte {reader.position - 10}")
    if not state.frames:
        state.edges = max(state.screen.size[0], left + width), max(state.screen.size[1], top + height)
    table = _table(reader, flags)
    if left >= state.edges[0] or top >= state.edges[1]:
        _outside(reader, state)
        return
    state.screen.used |= not table
    bits = reader.take(1)
    if not 2 <= bits[0] <= _MOST_BITS:
        raise _damaged(f"codes for pixels of {bits[0]} bits at byte {reader.position - 1}: 2 to 8 are allowed")
    head = bytes([_IMAGE]) + struct.pack("<HHHHB", left, top, width, height, flags) + table + bits
    codes = Codes(bits[0], width * height)
    pixels, hidden = _pixels(reader, codes)
    state.cut |= codes.seen < width * height
    state.frames += [state.control + head, *pixels]
    state.removed |= {blocks.TRAILER} if hidden else set()
    state.control = b""


def _outside(reader: _Reader, state: _State) -> None:
    """In place of a picture that is nowhere on the screen, write one that shows nothing for as long."""
    reader.take(1)
    for _ in reader.runs():
        pass
    control = bytes([_EXTENSION, _CONTROL, 4, 0b101]) + (state.control[4:6] or bytes(2)) + bytes(2)
    state.frames.append(control + _NOTHING)
    state.removed.add("pictures outside of the screen")
    state.control = b""


def _pixels(reader: _Reader, codes: Codes) -> tuple[list[Piece], bool]:
    """Copy the sub-blocks of a picture up to the one where it ends; say whether anything behind that is left out."""
    start = reader.position
    places: list[tuple[int, int]] = []  # of sub-blocks: bytes of codes before it, and offset
    total = 0
    end: End | None = None
    for content in reader.runs():
        if end is None:
            del places[:-_KEPT]
        for position, block in content:
            places += [(total, position)] if end is None else []
            total += len(block)
        end = end or codes.feed(b"".join(block for _, block in content))
    if not codes.seen:
        raise _damaged(f"a picture without pixels at byte {start}")
    end = end or codes.end()  # no code for the end; or it ends early: what is missing stays missing
    before, place = next((before, place) for before, place in reversed(places) if before <= end.whole)
    length = reader.source.read(place, 1)[0]
    kept = end.whole - before
    if kept == length:
        place, kept = place + 1 + length, 0
    last = reader.source.read(place + 1, kept) + end.tail
    blocks_ = b"".join(bytes([len(part)]) + part for part in (last[:255], last[255:]) if part)
    copied: list[Piece] = [Span(start, place)] if place > start else []
    return [*copied, blocks_ + b"\0"], total > end.whole + len(end.tail)


def _damaged(what: str) -> UnreadablePhotoError:
    return UnreadablePhotoError(f"GIF: truncated or damaged ({what}): copy it again from its source")
