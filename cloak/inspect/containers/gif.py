"""GIF: comments, text, and blocks of applications.

Source: GIF89a, sections 18 to 27; XMP part 3, section 1.1.2.
"""

from cloak.image.buffers import Buffer
from cloak.inspect import after, blocks
from cloak.inspect.finding import Harm, Notes
from cloak.inspect.text import decoded

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_CONTROL, _COMMENT, _TEXT, _APPLICATION = 0xF9, 0xFE, 0x01, 0xFF
_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_BLOCKS = {b"XMP DataXMP": "XMP", b"ICCRGBG1012": "colour profile", b"C2PA_GIF\x01\x00\x00": "content credentials"}
_RESOURCES = (b"MGK8BIM0000", b"MGKIPTC0000")
"""Of ImageMagick: Photoshop's resources, or IPTC records as they are."""

_XMP_TRAILER = 257
_LARGEST = 1 << 25
_MOST = 1_000_000


def read(data: Buffer, notes: Notes) -> None:
    """Say what a GIF says, and what follows it."""
    position = 13 + _table(data[10:11])
    for _ in range(_MOST):
        if position >= len(data):
            break
        kind = data[position]
        if kind == _TRAILER:
            if position + 1 < len(data):
                after.read(data, position + 1, notes, padding=False)
            return
        if kind == _IMAGE:
            position = _skip(data, position + 11 + _table(data[position + 9 : position + 10]))
        elif kind == _EXTENSION:
            end = _skip(data, position + 2)
            if data[position + 1 : position + 2] not in {bytes([_CONTROL]), b""}:
                with notes.reading("an extension block"):
                    _extension(data, position, end, notes)
            position = end
        else:
            position += 1  # decoders pass over what they do not know
    notes.damaged("the GIF file ends before its trailer")


def _table(flags: bytes) -> int:
    """Bytes of the colour table that flags announce."""
    return 3 << (1 + (flags[0] & 7)) if flags and flags[0] & 0x80 else 0


def _skip(data: Buffer, position: int) -> int:
    """The offset after the block of size 0 that ends a chain of blocks."""
    while position < len(data) and data[position]:
        position += 1 + data[position]
    return position + 1


def _joined(data: Buffer, position: int, end: int) -> bytes:
    parts, size = [], 0
    while position < end and data[position] and size < _LARGEST:
        parts.append(bytes(data[position + 1 : position + 1 + data[position]]))
        size += data[position]
        position += 1 + data[position]
    return b"".join(parts)


def _extension(data: Buffer, position: int, end: int, notes: Notes) -> None:
    kind = data[position + 1]
    if kind == _COMMENT:
        notes.say(Harm.WHO, "comment", decoded(_joined(data, position + 2, end)), source="GIF comment")
    elif kind == _TEXT:
        notes.say(Harm.WHO, "text shown in it", decoded(_joined(data, position + 15, end)), source="GIF")
    elif kind == _APPLICATION:
        name = bytes(data[position + 3 : position + 14])
        start = position + 3 + data[position + 2]
        if (
            name == b"XMP DataXMP"
        ):  # not in blocks: the packet as it is, and a trailer that runs into the end of a chain
            blocks.read("XMP", bytes(data[start : min(max(start, end - _XMP_TRAILER - 1), start + _LARGEST)]), notes)
        elif name in _BLOCKS:
            blocks.read(_BLOCKS[name], _joined(data, start, end), notes)
        elif name in _RESOURCES:
            content = _joined(data, start, end)
            blocks.read("Photoshop" if content[:4] == b"8BIM" else "IPTC", content, notes)
        elif name not in _LOOPS:
            size = f"{name.decode('latin-1')}, {end - start:,} bytes"
            notes.say(Harm.TRAVELS, "data of an application", size, source="GIF")
    else:
        notes.say(Harm.TRAVELS, f"unknown extension (0x{kind:02x})", f"{end - position:,} bytes", source="GIF")
