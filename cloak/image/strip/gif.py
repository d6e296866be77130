"""Rewrite a GIF around its frames: palettes, timing and coded pixels as they are; of all else only the loop count.

The codes of each picture are followed to the last pixel, so that nothing can hide between the end of a picture and
the end of the blocks that hold it.

Source: CompuServe, Graphics Interchange Format, versions 87a and 89a.
"""

import struct
from dataclasses import dataclass, field

from cloak.errors import UnreadablePhotoError
from cloak.image import blocks
from cloak.image.strip.base import Keep, Piece, Plan, Source, Span
from cloak.image.strip.gif_codes import Codes

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_CONTROL, _COMMENT, _APPLICATION, _PLAIN_TEXT = 0xF9, 0xFE, 0xFF, 0x01
_TABLE, _SIZE = 0x80, 0x07
_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_PACKET = 1 << 20  # bytes of an extension that are looked at, to name what is in it
_AHEAD = 1 << 16
_NAMES = {b"C2PA_GIF": blocks.CREDENTIALS, b"ICCRGBG1": blocks.PROFILE, b"XMP Data": blocks.XMP}


class _Reader:
    """Reads a source from front to back, a large block at a time."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.position = 0
        self._start = 0
        self._block = b""

    def take(self, count: int) -> bytes:
        offset = self.position - self._start
        if offset + count > len(self._block):
            ahead = max(count, min(_AHEAD, self.source.size - self.position))
            self._start, self._block, offset = self.position, self.source.read(self.position, ahead), 0
        self.position += count
        return self._block[offset : offset + count]

    def blocks(self) -> "list[bytes]":
        """The sub-blocks from here to their end, as far as they are looked at."""
        found = []
        size = 0
        while length := self.take(1)[0]:
            content = self.take(length)
            if size < _PACKET:
                found.append(content)
                size += length
        return found


@dataclass(slots=True)
class _State:
    """What has been read so far.

    Attributes:
        loop: the canonical block with the loop count, or nothing.
        control: the graphic control block that awaits its frame.
        frames: pieces of all frames.
        removed: names of what is left out.
    """

    loop: bytes = b""
    control: bytes = b""
    frames: list[Piece] = field(default_factory=list)
    removed: set[str] = field(default_factory=set)


def plan(source: Source, keep: Keep) -> Plan:  # noqa: ARG001 - a GIF says no orientation, and its profile is heeded by nobody
    """Decide what the new file consists of.

    Raises:
        UnreadablePhotoError: truncated, damaged, or without a picture.
    """
    reader = _Reader(source)
    head = _screen(reader)
    state = _State()
    while (mark := reader.take(1)[0]) != _TRAILER:
        if mark == _EXTENSION:
            _extension(reader, state)
        elif mark == _IMAGE:
            _frame(reader, state)
        else:
            raise _damaged(f"a block of kind {mark:02x} at byte {reader.position - 1}")
    if not state.frames:
        raise _damaged("no picture in it")
    if reader.position < source.size:
        state.removed.add(blocks.TRAILER)
    pieces = (head + state.loop, *state.frames, bytes([_TRAILER]))
    return Plan(pieces, tuple(sorted(state.removed)))


def _screen(reader: _Reader) -> bytes:
    signature = reader.take(6)
    if signature not in {b"GIF87a", b"GIF89a"}:
        raise UnreadablePhotoError(f"no GIF signature ({signature.hex(' ')}): copy the file again from its source")
    width, height, flags, background, aspect = struct.unpack("<HHBBB", reader.take(7))
    if not flags & _TABLE:
        flags, background = flags & 0x70, 0
    return signature + struct.pack("<HHBBB", width, height, flags, background, aspect) + _table(reader, flags)


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
            if block[0] & 7 == 1 and len(block) >= 3:
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
    table = _table(reader, flags)
    bits = reader.take(1)
    if not 1 <= bits[0] <= 8:
        raise _damaged(f"codes that start with {bits[0]} bits at byte {reader.position - 1}: 2 to 8 are allowed")
    head = bytes([_IMAGE]) + struct.pack("<HHHHB", left, top, width, height, flags) + table + bits
    state.frames += [state.control + head, *_pixels(reader, Codes(bits[0], width * height))]
    state.control = b""


def _pixels(reader: _Reader, codes: Codes) -> list[Piece]:
    """Follow the codes of a picture through its sub-blocks; copy these up to the one where it ends."""
    start = reader.position
    while length := reader.take(1)[0]:
        block = reader.take(length)
        tail = codes.feed(block)
        if tail is None:
            continue
        copied = Span(start, reader.position - length - 1)
        reader.blocks()
        last = b"".join(bytes([len(part)]) + part for part in (tail[:255], tail[255:]) if part)
        return [copied, last + b"\0"] if len(copied) else [last + b"\0"]
    if not codes.seen:
        raise _damaged(f"a picture without pixels at byte {start}")
    return [Span(start, reader.position)]  # it ends early, as some do: what is missing stays missing


def _damaged(what: str) -> UnreadablePhotoError:
    return UnreadablePhotoError(f"GIF: truncated or damaged ({what}): copy it again from its source")
