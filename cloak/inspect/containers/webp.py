"""WebP: EXIF, XMP, a profile, and chunks that nobody needs.

Source: RFC 9649, section 2.7.
"""

from cloak.image.buffers import Buffer
from cloak.inspect import after, blocks
from cloak.inspect.finding import Harm, Notes

_PLAIN = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF"})
_BLOCKS = {b"EXIF": "EXIF", b"XMP ": "XMP", b"ICCP": "colour profile", b"C2PA": "content credentials"}
_LARGEST = 1 << 26
_FRAME = 16
"""Bytes of a frame in front of the chunks in it."""

_COST = 500
"""Of a chunk, in `Notes.spend`."""


def read(data: Buffer, notes: Notes) -> None:
    """Say what a WebP says, and what follows it."""
    stop = 8 + int.from_bytes(data[4:8], "little")
    if stop > len(data):
        notes.damaged(f"the WebP file is cut short ({stop:,} bytes announced, {len(data):,} there)")
    end = min(stop, len(data))
    with memoryview(data) as view:
        _chunks(view[:end], 12, notes)
    if end < len(data):
        after.read(data, end, notes, padding=False)


def _chunks(view: memoryview, position: int, notes: Notes, *, inside: bool = False) -> None:
    others: dict[str, int] = {}
    while position + 8 <= len(view):
        notes.spend(_COST)
        kind, size = bytes(view[position : position + 4]), int.from_bytes(view[position + 4 : position + 8], "little")
        content = view[position + 8 : position + 8 + size]
        if kind in _BLOCKS:
            blocks.read(_BLOCKS[kind], bytes(content[:_LARGEST]), notes)
        elif kind == b"ANMF" and not inside:
            _chunks(content, _FRAME, notes, inside=True)
        elif kind not in _PLAIN:
            name = kind.decode("latin-1")
            others[name] = others.get(name, 0) + size
        position += 8 + size + size % 2
    for name, size in list(others.items())[:50]:
        notes.say(Harm.TRAVELS, f"private chunk ({name})", f"{size:,} bytes", source="WebP")
