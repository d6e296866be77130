"""What a GIF file may consist of, still or moving."""

from cloak.errors import ResidueError
from cloak.image.buffers import Buffer
from cloak.image.scan.lzw import ends_with
from cloak.image.structure import Cursor, StructureError

_LOOP = b"\x21\xff\x0bNETSCAPE2.0\x03\x01"
_CONTROL = b"\x21\xf9\x04"
_TRAILER = 0x3B


def scan(data: Buffer) -> None:
    """Check a GIF file: a screen, how often it repeats, and frames, each with codes that end where its pixels do.

    Raises:
        ResidueError: anything else is in it.
        StructureError: its blocks cannot be followed.
    """
    with memoryview(data) as view:
        cursor = Cursor(view, little=True)
        if bytes(cursor.take(6)) not in {b"GIF87a", b"GIF89a"}:
            raise StructureError("no GIF signature")
        edges = cursor.uint(2), cursor.uint(2)
        background, shared = _table(cursor, unused=0x70)
        if bytes(view[cursor.position : cursor.position + len(_LOOP)]) == _LOOP:
            cursor.take(len(_LOOP) + 2)
            _zero(cursor, "behind the number of repetitions")
        frames = own = 0
        while (mark := view[cursor.position]) != _TRAILER or not frames:
            if mark == _CONTROL[0]:
                _control(cursor)
            left, top, width, height, has_table = _frame(cursor)
            edges = edges if frames else (max(edges[0], left + width), max(edges[1], top + height))
            if left >= edges[0] or top >= edges[1]:
                raise ResidueError("GIF: a frame that is nowhere on the screen")
            frames, own = frames + 1, own + has_table
        if own == frames and shared and (len(shared) > 6 or any(shared[3:]) or background):
            raise ResidueError("GIF: a palette that no frame uses")
        if cursor.left != 1:
            raise ResidueError(f"GIF: {cursor.left - 1} bytes after the end of the image")


def _table(cursor: Cursor, *, unused: int) -> tuple[int, bytes]:
    """Check the last three bytes of the screen's description; return the number of the background, and the palette."""
    flags, background, _aspect = cursor.uint(1), cursor.uint(1), cursor.uint(1)
    if flags & 0x80:
        return background, bytes(cursor.take(3 << (flags & 7) + 1))
    if flags & ~unused or background:
        raise ResidueError("GIF: a palette that is described but not there")
    return 0, b""


def _zero(cursor: Cursor, where: str) -> None:
    if cursor.uint(1):
        raise ResidueError(f"GIF: more than one block {where}")


def _control(cursor: Cursor) -> None:
    head = bytes(cursor.take(3))
    if head != _CONTROL:
        raise ResidueError(f"GIF: an extension ({head.hex(' ')}) that we do not know")
    flags, _delay, clear = cursor.uint(1), cursor.uint(2), cursor.uint(1)
    if flags >> 5 or (clear and not flags & 1):
        raise ResidueError("GIF: reserved bits in the control of a frame")
    _zero(cursor, "in the control of a frame")


def _frame(cursor: Cursor) -> tuple[int, int, int, int, bool]:
    """Check a frame; return where it is, its width and height, and whether it has a palette of its own."""
    mark = cursor.uint(1)
    if mark != 0x2C:
        raise ResidueError(f"GIF: a block of kind {mark:02x} where a frame should be")
    left, top, width, height = (cursor.uint(2) for _ in range(4))
    flags = cursor.uint(1)
    if flags & 0x18 or (not flags & 0x80 and flags & 0x27):
        raise ResidueError("GIF: reserved bits in the description of a frame")
    if flags & 0x80:
        cursor.take(3 << (flags & 7) + 1)
    bits = cursor.uint(1)
    blocks = []
    while length := cursor.uint(1):
        blocks.append(cursor.take(length))
    if not 2 <= bits <= 11 or not ends_with(b"".join(blocks), bits, width * height):
        raise ResidueError("GIF: the codes of a frame do not end where its pixels do")
    return left, top, width, height, bool(flags & 0x80)
