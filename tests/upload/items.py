"""Photos to upload."""

import io
import secrets

import numpy as np
from PIL import Image

from cloak.upload.destination import Item, clear


def item(name: str = "", *, seed: int = 0, alt: str = "", kind: str = "JPEG") -> Item:
    """A small photo that passed the scan, of a random name if none is given."""
    pixels = np.random.default_rng(seed).integers(0, 255, (24, 32, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    suffix = {"JPEG": ".jpg", "PNG": ".png"}[kind]
    return Item(name=name or secrets.token_hex(16) + suffix, file=clear(file.getvalue()), alt=alt)
