"""The second reader: walk the bytes about to be handed over, and refuse whatever is not known to be structure.

It shares no code with the libraries that write, goes by allow-lists alone, needs the file to be exactly as long as its
structure says, and fails closed: a container, segment, chunk, box, tag or byte that it does not know is an error.

Out of its sight: bytes inside a compressed picture that its own decoder would skip (the end of a JPEG scan, a partition
of a WebP), and whatever is drawn in the pixels.

To add a container: one module here with a function `scan` that raises, and one line in `_READERS`.
"""

import struct
import zlib
from importlib import import_module

from cloak.errors import ResidueError
from cloak.image.buffers import Buffer
from cloak.image.structure import StructureError

_READERS = (
    (0, b"\xff\xd8", "jpeg"),
    (0, b"\x89PNG", "png"),
    (8, b"WEBP", "webp"),
    (4, b"ftyp", "isobmff"),
    (0, b"II*\0", "tiff"),
    (0, b"MM\0*", "tiff"),
    (0, b"GIF8", "gif"),
    (0, b"BM", "bmp"),
    (4, b"jP  ", "jp2"),
    (0, b"\xff\x4f\xff\x51", "jp2"),
)
"""Where a magic number is, what it is, and the module that reads such files."""


def scan(data: Buffer) -> None:
    """Check that a file holds a picture, what is needed to show it, and nothing else.

    Args:
        data: the file's content, in memory or mapped from the disk.

    Raises:
        ResidueError: something in it is not known to be harmless; the message names it.
    """
    for offset, magic, name in _READERS:
        if data[offset : offset + len(magic)] == magic:
            try:
                return import_module(f"cloak.image.scan.{name}").scan(data)  # type: ignore[no-any-return]
            except (StructureError, IndexError, struct.error, zlib.error) as error:
                raise ResidueError(f"the file's structure cannot be followed: {error}") from None
    raise ResidueError(f"no container that we can check (starts with {data[:8].hex(' ')})")


__all__ = ["scan"]
