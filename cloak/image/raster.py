"""Photo files in, without PyTorch: what a process that decodes for another one needs."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cloak.container import ColourSpace, Encoding
from cloak.errors import CloakError, TooLargeError, UnreadablePhotoError
from cloak.image import inspect
from cloak.image.colour import bring_home
from cloak.image.readers import estimate_quality, open_photo
from cloak.image.sniff import sniff

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Raster:
    """A decoded photo; the attributes are those of `cloak.photo.Photo`, with arrays in place of tensors.

    Attributes:
        pixels: uint8 (3, H, W), contiguous.
        alpha: uint8 (1, H, W), contiguous, or None.
        space: colour space of `pixels`.
        encoding: how the file was compressed.
        found: names of the metadata the file carried.
    """

    pixels: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None
    space: ColourSpace
    encoding: Encoding
    found: tuple[str, ...]


def read(data: bytes, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Raster:
    """Read a still photo; `cloak.image.codec.decode` says how, and what is raised."""

    def check(width: int, height: int) -> None:
        if width * height > max_pixels:
            raise TooLargeError(
                f"{width} x {height} pixels are more than the limit of {max_pixels:,}: "
                "if you trust the file, raise --max-pixels (max_pixels in Python)"
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
        return Raster(
            pixels=_upright(flat, opened.orientation),
            alpha=None if opened.alpha is None else _upright(opened.alpha[..., None], opened.orientation),
            space=ColourSpace(coloured.space),
            encoding=encoding,
            found=found,
        )


def _upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    swap, vertical, horizontal = _UPRIGHT.get(orientation, (False, False, False))
    turned = pixels.transpose(1, 0, 2) if swap else pixels
    turned = turned[:: -1 if vertical else 1, :: -1 if horizontal else 1]
    return turned.transpose(2, 0, 1).copy(order="C")


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
