"""What is shown of a photo: decoded apart and encoded anew, so that nothing hostile reaches a browser."""

from cloak.container import Container, Encoding
from cloak.photo import Photo
from cloak.thumbnails import crop, encoded, small

DISPLAY = Encoding(container=Container.JPEG, quality=85, subsampling="4:2:0")
EXACT = Encoding(container=Container.PNG)
WIDEST = 640
"""Pixels a side that are shown of a face at 100 %."""

Box = tuple[float, float, float, float]


def display(photo: Photo, side: int) -> bytes:
    """Return a JPEG whose longer side is at most `side`."""
    return encoded(small(photo.pixels, side), photo, DISPLAY)


def face(photo: Photo, box: Box) -> bytes:
    """Return a PNG of the region of a cloak, at 100 %."""
    return encoded(crop(photo.pixels, box, WIDEST), photo, EXACT)
