"""Small pictures of faces, as an engine keeps them: they stay when the page is gone."""

import torch
import torch.nn.functional as F

from cloak.container import Container, Encoding
from cloak.image.codec import encode
from cloak.image.strip.bare import strip
from cloak.photo import Face, Photo

SIDE = 144
"""Of the longer side, pixels."""

_AROUND = 0.3
_SMALL = Encoding(container=Container.JPEG, quality=82, subsampling="4:2:0")


def thumbnail(photo: Photo, face: Face) -> bytes:
    """Return a small JPEG of a face and a little around it, by the way out of every photo: no metadata."""
    middle = [(face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2]
    half = face.size * (0.5 + _AROUND)
    left, top = (max(0, int(centre - half)) for centre in middle)
    right, bottom = (
        min(limit, max(low + 1, int(centre + half)))
        for centre, low, limit in zip(middle, (left, top), (photo.width, photo.height), strict=True)
    )
    pixels = photo.pixels[:, min(top, bottom - 1) : bottom, min(left, right - 1) : right]
    return encode(strip(Photo(pixels=_small(pixels), space=photo.space, encoding=_SMALL)))


def _small(pixels: torch.Tensor) -> torch.Tensor:
    scale = SIDE / max(pixels.shape[1:])
    size = [max(1, round(side * scale)) for side in pixels.shape[1:]]
    return F.interpolate(pixels[None], size, mode="bilinear", antialias=True)[0]
