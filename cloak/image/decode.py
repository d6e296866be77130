"""Photo files in: upright 8-bit pixels in a known colour space, and the names of what else the file says."""

import torch

from cloak.image.raster import DEFAULT_MAX_PIXELS, Raster, read
from cloak.photo import Photo


def decode(data: bytes, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Photo:
    """Read a still photo: JPEG, PNG, WebP, AVIF, HEIC or TIFF, told apart by content.

    The pixels are turned upright. 16 bits a channel become 8. A profile that is sRGB or Display P3 in effect leaves
    the numbers as they are, every other one is converted to sRGB; code points (CICP) and PNG's gAMA and cHRM count
    as profiles. Alpha that hides nothing is dropped.
    Of a multi-picture JPEG (MPO) the main picture is read.

    This is done in this process. For files that nobody vouches for, `cloak.decoding.Decoder` does the same in another.

    Args:
        data: the file's content.
        max_pixels: refuse more pixels than this.

    Returns:
        the photo, with `found` from `inspect.find`.

    Raises:
        TypeError: `data` is a path or something else that is no bytes.
        UnreadablePhotoError: empty, truncated, damaged, or not an image.
        UnsupportedPhotoError: animated, of many pages, high dynamic range, camera raw, or of a kind that is not read.
        TooLargeError: more than `max_pixels`; found out before pixels are decoded.
    """
    if not isinstance(data, bytes | bytearray | memoryview):
        raise TypeError(f"decode takes the content of a file, got {type(data).__name__}: pass Path(...).read_bytes()")
    return of_raster(read(bytes(data), max_pixels=max_pixels))


def of_raster(raster: Raster) -> Photo:
    """Return a raster as a photo; they share their memory."""
    return Photo(
        pixels=torch.from_numpy(raster.pixels),
        alpha=None if raster.alpha is None else torch.from_numpy(raster.alpha),
        space=raster.space,
        encoding=raster.encoding,
        found=raster.found,
    )
