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
        cursor.take(4)  # width and height
        _table(cursor, unused=0x70)
        if bytes(view[cursor.position : cursor.position + len(_LOOP)]) == _LOOP:
            cursor.take(len(_LOOP) + 2)
            _zero(cursor, "behind the number of repetitions")
        frames = 0
        while (mark := view[cursor.position]) != _TRAILER or not frames:
            if mark == _CONTROL[0]:
                _control(cursor)
            _frame(cursor)
            frames += 1
        if cursor.left != 1:
            raise ResidueError(f"GIF: {cursor.left - 1} bytes after the end of the image")


def _table(cursor: Cursor, *, unused: int) -> None:
    """Check the last three bytes of the screen's description, and skip its palette."""
    flags, background, _aspect = cursor.uint(1), cursor.uint(1), cursor.uint(1)
    if flags & 0x80:
        cursor.take(3 << (flags & 7) + 1)
    elif flags & ~unused or background:
        raise ResidueError("GIF: a palette that is described but not there")


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


def _frame(cursor: Cursor) -> None:
    mark = cursor.uint(1)
    if mark != 0x2C:
        raise ResidueError(f"GIF: a block of kind {mark:02x} where a frame should be")
    cursor.take(4)  # left and top
    pixels = cursor.uint(2) * cursor.uint(2)
    flags = cursor.uint(1)
    if flags & 0x18 or (not flags & 0x80 and flags & 0x27):
        raise ResidueError("GIF: reserved bits in the description of a frame")
    if flags & 0x80:
        cursor.take(3 << (flags & 7) + 1)
    bits = cursor.uint(1)
    blocks = []
    while length := cursor.uint(1):
        blocks.append(cursor.take(length))
    if not 2 <= bits <= 11 or not ends_with(b"".join(blocks), bits, pixels):
        raise ResidueError("GIF: the codes of a frame do not end where its pixels do")
