"""The second reader: walk the bytes about to be handed over, and refuse whatever is not known to be structure.

It shares no code with the libraries that write, goes by allow-lists alone, needs the file to be exactly as long as its
structure says, and fails closed: a container, segment, chunk, box, tag or byte that it does not know is an error.

Out of its sight: bytes inside a compressed picture that its own decoder would skip (the end of a JPEG scan, a partition
of a WebP), and whatever is drawn in the pixels.

To add a container: one module here with a magic number and a function that raises, and one line in `_READERS`.
"""

import struct
import zlib
from collections.abc import Callable

from cloak.errors import ResidueError
from cloak.image.scan import isobmff, jpeg, png, tiff, webp
from cloak.image.structure import StructureError

_READERS: tuple[tuple[int, bytes, Callable[[bytes], None]], ...] = (
    (0, b"\xff\xd8", jpeg.scan),
    (0, b"\x89PNG", png.scan),
    (8, b"WEBP", webp.scan),
    (4, b"ftyp", isobmff.scan),
    (0, b"II*\0", tiff.scan),
    (0, b"MM\0*", tiff.scan),
)


def scan(data: bytes) -> None:
    """Check that a file holds a picture, its canonical colour profile, and nothing else.

    Args:
        data: the file's content.

    Raises:
        ResidueError: something in it is not known to be harmless; the message names it.
    """
    for offset, magic, reader in _READERS:
        if data[offset : offset + len(magic)] == magic:
            try:
                return reader(data)
            except (StructureError, IndexError, struct.error, zlib.error) as error:
                raise ResidueError(f"the file's structure cannot be followed: {error}") from None
    raise ResidueError(f"no container that we can check (starts with {data[:8].hex(' ')})")


__all__ = ["scan"]
