"""TIFF: an EXIF block with pixels in it."""

from cloak.image.buffers import Buffer
from cloak.inspect import exif
from cloak.inspect.finding import Notes


def read(data: Buffer, notes: Notes) -> None:
    """Say what a TIFF says."""
    exif.read(memoryview(data), notes, source="TIFF", container=True)
