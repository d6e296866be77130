"""What early Canon cameras wrote in place of EXIF: directories at the ends of heaps.

Source: Canon, CIFF specification 1.0 revision 4.
"""

import struct
from collections.abc import Iterator

from cloak.inspect.film import unix
from cloak.inspect.finding import Harm, Notes
from cloak.inspect.text import decoded

_TEXTS = {
    0x0805: (Harm.WHO, "caption"),
    0x080A: (Harm.DEVICE, "camera or phone"),
    0x080B: (Harm.DEVICE, "software of the camera"),
    0x0810: (Harm.WHO, "owner of the camera"),
    0x0815: (Harm.DEVICE, "kind of camera"),
    0x0816: (Harm.NAME, "name of the original file"),
    0x0817: (Harm.NAME, "name of the thumbnail"),
}
_DATE, _SERIAL = 0x180E, 0x180B
_HEAPS = (0x2800, 0x3000)
_DEEPEST, _MOST = 6, 500


def read(block: memoryview, notes: Notes) -> None:
    """Say what a block says.

    Raises:
        struct.error: it ends before its directories do.
    """
    order = "<" if bytes(block[:2]) == b"II" else ">"
    (start,) = struct.unpack_from(f"{order}I", block, 2)
    for kind, value in _records(block[start:], order, [0], 0):
        if kind in _TEXTS and (text := " ".join(decoded(part) for part in bytes(value).split(b"\0") if part)):
            notes.say(*_TEXTS[kind], text, source="CIFF")
        elif kind == _SERIAL:
            notes.say(
                Harm.DEVICE, "serial number of the camera", struct.unpack_from(f"{order}I", value)[0], source="CIFF"
            )
        elif kind == _DATE and (seconds := struct.unpack_from(f"{order}I", value)[0]):
            date = unix(seconds).removesuffix(" UTC")  # of the camera's own clock
            notes.say(Harm.WHEN, "taken", date, source="CIFF")


def _records(heap: memoryview, order: str, seen: list[int], depth: int) -> Iterator[tuple[int, memoryview]]:
    """Yield type and value of all records; the directory of a heap is found from its last four bytes."""
    (table,) = struct.unpack_from(f"{order}I", heap, len(heap) - 4)
    (count,) = struct.unpack_from(f"{order}H", heap, table)
    for entry in range(table + 2, table + 2 + 10 * min(count, _MOST), 10):
        seen[0] += 1
        if seen[0] > _MOST:
            return
        kind, size, offset = struct.unpack_from(f"{order}HII", heap, entry)
        value = heap[entry + 2 : entry + 10] if kind & 0xC000 == 0x4000 else heap[offset : offset + size]
        if kind & 0x3800 in _HEAPS and depth < _DEEPEST and len(value) > 8:
            yield from _records(value, order, seen, depth + 1)
        else:
            yield kind & 0x3FFF, value
