"""Windows bitmaps: a profile, or the path of one, and whatever follows.

Source: Microsoft, BITMAPV5HEADER.
"""

from cloak.image.buffers import Buffer
from cloak.inspect import after, blocks
from cloak.inspect.finding import Harm, Notes
from cloak.inspect.text import decoded

_HEADER = 14
_V5 = 124
_LARGEST = 1 << 24
_MOST_COLOURS = 256


def read(data: Buffer, notes: Notes) -> None:
    """Say what a bitmap says, and what follows it."""
    stated, start = int.from_bytes(data[2:6], "little"), int.from_bytes(data[10:14], "little")
    size = int.from_bytes(data[14:18], "little")
    ends = [stated if start < stated <= len(data) else len(data)]
    profile = 0, 0
    if size >= _V5 and len(data) >= _HEADER + _V5:
        head = data[_HEADER : _HEADER + _V5]
        place, length = _HEADER + int.from_bytes(head[112:116], "little"), int.from_bytes(head[116:120], "little")
        content = bytes(data[place : place + min(length, _LARGEST)])
        if head[56:60] == b"DEBM":
            blocks.read("colour profile", content, notes)
        elif head[56:60] == b"KNIL":
            notes.say(Harm.NAME, "path of a colour profile", decoded(content), source="BMP")
        if head[56:60] in {b"DEBM", b"KNIL"}:
            ends.append(place + length)
            profile = place, place + length
    if size >= 40 and len(data) >= _HEADER + 40:
        ends.append(start + _pixels(data))
    _gap(data, start, profile, notes)
    end = max(ends)
    if end < len(data):
        after.read(data, end, notes, padding=False)
    elif start > len(data):
        notes.damaged("the bitmap ends before its pixels")


def _gap(data: Buffer, start: int, profile: tuple[int, int], notes: Notes) -> None:
    """Say what lies between the header and the pixels, other than colours, masks and the profile."""
    size = int.from_bytes(data[14:18], "little")
    short = size < 40  # the header of OS/2 1.x
    bits = int.from_bytes(data[24:26] if short else data[28:30], "little")
    colours = 0 if short else int.from_bytes(data[46:50], "little")
    colours = colours or (1 << bits if bits <= 8 else 0)
    masks = {3: 12, 6: 16}.get(int.from_bytes(data[30:34], "little"), 0) if size == 40 else 0
    end = _HEADER + size + masks + min(colours, _MOST_COLOURS) * (3 if short else 4)
    first, last = profile if end <= profile[0] < start else (start, start)
    content = bytes(data[end : min(first, end + _LARGEST)]) + bytes(data[last : min(start, last + _LARGEST)])
    if content.strip(b"\0"):
        notes.say(Harm.TRAVELS, "bytes between the parts of the file", f"{len(content):,} bytes", source="BMP")


def _pixels(data: Buffer) -> int:
    """Bytes of uncompressed pixels; 0 for others."""
    width, height = (int.from_bytes(data[place : place + 4], "little", signed=True) for place in (18, 22))
    bits, compression = int.from_bytes(data[28:30], "little"), int.from_bytes(data[30:34], "little")
    return (abs(width) * bits + 31) // 32 * 4 * abs(height) if compression in {0, 3} else 0
