"""File formats, and how a photo was stored in one. Needs no PyTorch: `inspect` and `strip` start without it."""

from dataclasses import dataclass
from enum import StrEnum


class Container(StrEnum):
    """File formats that we know."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    AVIF = "avif"
    HEIC = "heic"
    TIFF = "tiff"
    GIF = "gif"
    BMP = "bmp"
    JP2 = "jp2"


ENCODED = frozenset({Container.JPEG, Container.PNG, Container.WEBP, Container.AVIF, Container.HEIC, Container.TIFF})
"""Those whose pixels can be decoded and encoded anew; the others can only be stripped as they are."""


LOSSLESS = frozenset({Container.PNG, Container.TIFF})
"""Those of `ENCODED` that never lose anything, as we write them."""


class ColourSpace(StrEnum):
    """Colour spaces that pixels are kept in; every other one is converted on the way in."""

    SRGB = "srgb"
    DISPLAY_P3 = "display-p3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """How a photo was compressed, so that what is written stays in the same size class.

    Attributes:
        container: the file format.
        quality: 1 to 100, or None where the container was lossless.
        subsampling: chroma subsampling, "4:4:4", "4:2:2" or "4:2:0".
        progressive: whether a JPEG was progressive.
    """

    container: Container
    quality: int | None = None
    subsampling: str = "4:2:0"
    progressive: bool = False

    @property
    def lossless(self) -> bool:
        """Whether pixels come back as they were written."""
        return self.container in LOSSLESS or (self.container is Container.WEBP and self.quality is None)
