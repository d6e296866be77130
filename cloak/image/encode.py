"""Photo files out: from bare pixels only, and read again before they are handed over."""

import numpy as np

from cloak.container import Encoding
from cloak.errors import CloakError, UnsupportedPhotoError
from cloak.image.scan import scan
from cloak.image.writers import Pixels, write
from cloak.photo import BarePhoto


def encode(bare: BarePhoto, encoding: Encoding | None = None) -> bytes:
    """Write a photo: nothing but pixels and, for Display P3, one canonical profile.

    The same photo gives the same bytes. JPEG has no alpha: see-through pixels are laid on white. JPEG tables are the
    standard's own, scaled by `quality`; photos without colour are written as grey, PNGs of few colours with a palette.

    Args:
        bare: what `strip` returned.
        encoding: container and quality; None keeps those the photo came with.

    Returns:
        the file's content, read again by `scan`.

    Raises:
        TypeError: `bare` is anything but a `BarePhoto`.
        UnsupportedPhotoError: the container cannot hold it.
        ResidueError: something that is not known to be harmless is in what was written.
    """
    if type(bare) is not BarePhoto:
        raise TypeError(f"encode takes a BarePhoto, got {type(bare).__name__}: call strip first")
    encoding = encoding or bare.encoding
    try:
        data = write(_interleaved(bare), bare.space, encoding)
    except CloakError:
        raise
    except Exception as error:
        height, width = bare.pixels.shape[1:]
        raise UnsupportedPhotoError(
            f"{width} x {height} pixels could not be written as {encoding.container.value.upper()} ({error}): "
            "choose another format"
        ) from error
    scan(data)
    return data


def _interleaved(bare: BarePhoto) -> Pixels:
    planes = [bare.pixels] if bare.alpha is None else [bare.pixels, bare.alpha]
    height, width = bare.pixels.shape[1:]
    pixels: Pixels = np.empty((height, width, sum(len(plane) for plane in planes)), np.uint8)
    channel = 0
    for plane in planes:
        for single in plane.cpu():
            pixels[..., channel] = single.numpy()
            channel += 1
    return pixels
