"""Image files in and out: `decode` makes a `Photo` of bytes, `encode` makes bytes of a `BarePhoto` alone."""

from cloak.image.decode import DEFAULT_MAX_PIXELS, decode
from cloak.image.encode import encode

__all__ = ["DEFAULT_MAX_PIXELS", "decode", "encode"]
