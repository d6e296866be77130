"""Parts and small copies of photos for people to look at; they go the same way out as every photo: no metadata."""

import torch
import torch.nn.functional as F

from cloak.container import Encoding
from cloak.image.encode import encode
from cloak.image.strip.bare import strip
from cloak.photo import Photo


def small(pixels: torch.Tensor, side: int) -> torch.Tensor:
    """Scale an image, uint8 (3, H, W), down until its longer side is at most `side`."""
    scale = side / max(pixels.shape)
    if scale >= 1:
        return pixels
    size = [max(1, round(length * scale)) for length in pixels.shape[1:]]
    return F.interpolate(pixels[None], size, mode="bilinear", antialias=True)[0]


def crop(pixels: torch.Tensor, box: tuple[float, float, float, float], most: int) -> torch.Tensor:
    """Cut out a quarter more than a box, at most `most` pixels a side: from its middle where that is more than fits."""
    spans = []
    for low, high, length in ((box[0], box[2], pixels.shape[2]), (box[1], box[3], pixels.shape[1])):
        middle, half = (low + high) / 2, min((high - low) * 0.625, most / 2)
        start = min(max(int(middle - half), 0), length - 1)
        spans.append(slice(start, max(int(middle + half), start + 1)))
    return pixels[:, spans[1], spans[0]]


def encoded(pixels: torch.Tensor, photo: Photo, encoding: Encoding) -> bytes:
    """Return the file of an image that was made of a photo's pixels."""
    return encode(strip(Photo(pixels=pixels, space=photo.space, encoding=encoding)))
