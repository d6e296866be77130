"""Photo files in: upright 8-bit pixels in a known colour space, and the names of what else the file says."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from cloak.container import ColourSpace
from cloak.errors import CloakError, TooLargeError, UnreadablePhotoError
from cloak.image import inspect
from cloak.image.colour import bring_home
from cloak.image.readers import estimate_quality, open_photo
from cloak.image.sniff import sniff
from cloak.photo import Photo

DEFAULT_MAX_PIXELS = 200_000_000
"""Photos of more pixels are refused before they are decoded."""

# EXIF orientation to (swap the axes first, then flip up-down, then flip left-right).
_UPRIGHT = {
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}


def decode(data: bytes, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Photo:
    """Read a still photo: JPEG, PNG, WebP, AVIF, HEIC or TIFF, told apart by content.

    The pixels are turned upright. 16 bits a channel become 8. A profile that is sRGB or Display P3 in effect leaves
    the numbers as they are, every other one is converted to sRGB; code points (CICP) and PNG's gAMA and cHRM count
    as profiles. Alpha that hides nothing is dropped.
    Of a multi-picture JPEG (MPO) the main picture is read.

    Args:
        data: the file's content.
        max_pixels: refuse more pixels than this.

    Returns:
        the photo, with `found` from `inspect.find`.

    Raises:
        UnreadablePhotoError: empty, truncated, damaged, or not an image.
        UnsupportedPhotoError: animated, of many pages, high dynamic range, camera raw, or of a kind that is not read.
        TooLargeError: more than `max_pixels`; found out before pixels are decoded.
    """

    def check(width: int, height: int) -> None:
        if width * height > max_pixels:
            raise TooLargeError(
                f"{width} x {height} pixels are more than the limit of {max_pixels / 1e6:g} million: "
                "raise it (max_pixels) if you trust the file"
            )

    with _explained(), _quiet():
        container = sniff(data)
        opened = open_photo(data, container, check)
        coloured = bring_home(opened.image, opened.profile)
        flat = np.asarray(coloured.image)
        encoding = replace(opened.encoding, quality=estimate_quality(opened, flat))
        found = inspect.find(data)
        if coloured.broken:
            found = (*found, "colour profile that cannot be used")
        return Photo(
            pixels=_upright(flat, opened.orientation),
            alpha=None if opened.alpha is None else _upright(opened.alpha[..., None], opened.orientation),
            space=ColourSpace(coloured.space),
            encoding=encoding,
            found=found,
        )


def _upright(pixels: NDArray[np.uint8], orientation: int) -> torch.Tensor:
    swap, vertical, horizontal = _UPRIGHT.get(orientation, (False, False, False))
    turned = pixels.transpose(1, 0, 2) if swap else pixels
    turned = turned[:: -1 if vertical else 1, :: -1 if horizontal else 1]
    return torch.from_numpy(turned.transpose(2, 0, 1).copy(order="C"))


@contextmanager
def _explained() -> Iterator[None]:
    """Whatever a decoder raises ends this photo, with a reason, and no other."""
    try:
        yield
    except CloakError:
        raise
    except MemoryError:
        raise TooLargeError("not enough memory to decode it: free some, or make the photo smaller") from None
    except Image.DecompressionBombError as error:
        raise TooLargeError(f"too large for its decoder: {error}") from error
    except Exception as error:
        reason = str(error).strip() or type(error).__name__
        raise UnreadablePhotoError(f"truncated or damaged ({reason}): copy it again from where it came from") from error


_lock = threading.Lock()
_silenced: "list[warnings.catch_warnings[None]]" = []
_users = 0


@contextmanager
def _quiet() -> Iterator[None]:
    """Decoders warn about odd files; what matters becomes an error here, the rest is nobody's concern.

    Warning filters are global: the first thread in silences them, the last one out restores them.
    """
    global _users  # noqa: PLW0603 - guards the equally global warning filters
    with _lock:
        _users += 1
        if _users == 1:
            _silenced.append(warnings.catch_warnings())
            _silenced[0].__enter__()
            warnings.simplefilter("ignore")
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                _silenced.pop().__exit__(None, None, None)
