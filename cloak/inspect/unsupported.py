"""What files of kinds that are not read say all the same: the answer stays that they could not be read."""

from cloak.image.bmff import boxes
from cloak.image.buffers import Buffer
from cloak.image.structure import StructureError
from cloak.inspect import blocks
from cloak.inspect.finding import Harm, Notes

_JPEG_XL = b"\0\0\0\x0cJXL \r\n\x87\n"
_BLOCKS = {b"xml ": "XMP", b"jumb": "content credentials"}


def read(data: Buffer, notes: Notes) -> None:
    """Say what the boxes of a JPEG XL file say; of other kinds nothing is known."""
    if data[: len(_JPEG_XL)] != _JPEG_XL:
        return
    view = memoryview(data)
    try:
        for box in boxes(view):
            if box.kind == b"Exif":
                blocks.read("EXIF", box.body[4 + int.from_bytes(box.body[:4], "big") :], notes)
            elif box.kind in _BLOCKS:
                blocks.read(_BLOCKS[box.kind], box.body if box.kind == b"xml " else view[box.start : box.end], notes)
            elif box.kind == b"brob":
                kind = bytes(box.body[:4]).decode("latin-1").strip()
                notes.say(Harm.TRAVELS, "compressed block", f"{kind}, {len(box.body):,} bytes", source="JPEG XL")
    except StructureError as error:
        notes.damaged(str(error))
