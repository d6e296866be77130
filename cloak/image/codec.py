"""Image files in and out: `decode` makes a `Photo` of bytes, `encode` makes bytes of a `BarePhoto` alone."""

from cloak.image.decode import decode
from cloak.image.encode import encode
from cloak.image.raster import DEFAULT_MAX_PIXELS

__all__ = ["DEFAULT_MAX_PIXELS", "decode", "encode"]
