"""The tables that all JPEG strips of a TIFF page share.

Source: Adobe, TIFF Technical Note 2.
"""

from cloak.image.strip.tiff_read import damaged


def jpeg_tables(tables: bytes) -> bytes:
    """What to write of the tables that all JPEG strips of a page share.

    Raises:
        UnreadablePhotoError: they cannot be followed.
    """
    written, position = b"\xff\xd8", 2
    if tables[:2] != b"\xff\xd8":
        raise damaged("JPEG tables that do not start as such")
    while tables[position : position + 2] != b"\xff\xd9":
        size = 2 + int.from_bytes(tables[position + 2 : position + 4], "big")
        segment = tables[position : position + size]
        if segment[:1] != b"\xff" or len(segment) < 4 or len(segment) != size:
            raise damaged("JPEG tables without an end")
        written += segment if segment[1] in {0xDB, 0xC4, 0xDD} else b""
        position += size
    return written + b"\xff\xd9"


__all__ = ["jpeg_tables"]
